"""Errors of the store that are for whoever runs Tidewire, not for its users."""

from __future__ import annotations


class StoreError(OSError):
    """The data directory, or something in it, cannot be used; the text says what and why."""
