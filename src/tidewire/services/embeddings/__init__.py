"""Embeddings: vectors that stand for texts."""

from __future__ import annotations

from tidewire.services.embeddings import texts
from tidewire.services.embeddings.declared import operations

__all__ = ["operations", "texts"]
