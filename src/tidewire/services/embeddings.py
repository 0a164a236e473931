"""Embeddings of texts, which another server computes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from tidewire.core.checks.lists import Items
from tidewire.core.checks.texts import AnyCaseChoice, Text
from tidewire.core.errors import TidewireError
from tidewire.core.models import Embedding, EmbeddingList
from tidewire.core.operations import Operations
from tidewire.core.rate_limits import RateLimit
from tidewire.outbound.embeddings import EmbeddingsFailedError, embed
from tidewire.services.context import Context

operations: Final = Operations("embeddings")
"""The embeddings service."""

MODELS: Final = ("nomic-embed-text", "all-minilm")

_LIMIT: Final = RateLimit(120, 60, ("ip:{ip},method:{method},url:{url},userId:{userId}",))


@operations.declare(
    "createTextEmbeddings", "POST", "/embeddings/text", scopes=("embeddings.write",), limit=_LIMIT
)
async def create_text_embeddings(
    context: Context,
    texts: Annotated[Sequence[str], Items(Text(1))],
    model: Annotated[str, AnyCaseChoice(MODELS)] = MODELS[0],
) -> EmbeddingList:
    """Compute an embedding for each text.

    Raises ``general_service_disabled`` if no server is set that could. If it fails, the embeddings say so.
    """
    settings = context.settings
    if not settings.embeddings_url:
        message = "This server has nothing that computes embeddings: its setting embeddings_url is empty."
        raise TidewireError("general_service_disabled", message)
    error = ""
    computed: list[list[float]] = [[]] * len(texts)
    if texts:
        try:
            computed = await embed(settings.embeddings_url, model, texts, settings.embeddings_timeout)
        except EmbeddingsFailedError as failure:
            error = f"The embedding could not be computed: {failure}."
    return EmbeddingList(
        total=len(texts),
        embeddings=[
            Embedding(model=model, dimension=len(numbers), embedding=numbers, error=error)
            for numbers in computed
        ],
    )
