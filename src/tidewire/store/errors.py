"""The error for whoever runs Tidewire."""

from __future__ import annotations


class StoreError(OSError):
    """The data directory, or something in it, cannot be used; the text says what and why."""
