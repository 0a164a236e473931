"""Embeddings: vectors that stand for texts."""

from __future__ import annotations

from typing import Final

from tidewire.core.operations import Operations

operations: Final = Operations("embeddings")
"""The embeddings service."""
