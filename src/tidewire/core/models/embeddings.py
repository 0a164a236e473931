"""Models of embeddings."""

from __future__ import annotations

from tidewire.core.models.base import Model


class Embedding(Model, frozen=True, kw_only=True):
    """A vector that stands for a text."""

    model: str
    dimension: int
    """Numbers in the vector."""
    embedding: list[float]
    error: str
    """Why there is none; empty if there is."""


class EmbeddingList(Model, frozen=True, kw_only=True):
    """An embedding for each of several texts, in their order."""

    total: int
    embeddings: list[Embedding]
