"""The storage service: buckets and the files in them."""

from __future__ import annotations

from tidewire.services.storage import buckets, content, files, uploads
from tidewire.services.storage.declared import operations

__all__ = ["buckets", "content", "files", "operations", "uploads"]
