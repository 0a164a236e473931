"""The list that the embeddings operations are declared in."""

from __future__ import annotations

from typing import Final

from tidewire.core.operations import Operations

operations: Final = Operations("embeddings")
"""The embeddings service."""
