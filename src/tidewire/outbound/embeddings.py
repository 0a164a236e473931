"""Embeddings of texts, computed by a server with the interface of Ollama (its ``POST /api/embed``)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import httpcore
import msgspec

MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024


class EmbeddingsFailedError(Exception):
    """No embeddings came back; the text says why."""


class _Answer(msgspec.Struct):
    embeddings: list[list[float]]


class _Refusal(msgspec.Struct):
    error: str = ""


async def embed(url: str, model: str, texts: Sequence[str], seconds: float) -> list[list[float]]:
    """An embedding for each text. ``url`` is the server's, ``seconds`` what it may take.

    Raises :class:`EmbeddingsFailedError`.
    """
    body = msgspec.json.encode({"model": model, "input": list(texts)})
    try:
        async with asyncio.timeout(seconds):
            status, answer = await _post(f"{url.rstrip('/')}/api/embed", body)
    except TimeoutError:
        raise EmbeddingsFailedError(f"no answer within {seconds:g} s") from None
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError) as error:
        raise EmbeddingsFailedError(str(error) or type(error).__name__) from None
    except httpcore.UnsupportedProtocol as error:
        raise EmbeddingsFailedError(f"the address {url} cannot be called: {error}") from None
    if status != 200:
        raise EmbeddingsFailedError(_reason(answer) or f"the answer has status {status}")
    try:
        embeddings = msgspec.json.decode(answer, type=_Answer).embeddings
    except msgspec.DecodeError:
        raise EmbeddingsFailedError("the answer has no embeddings") from None
    if len(embeddings) != len(texts):
        raise EmbeddingsFailedError("the answer has not one embedding for each text")
    return embeddings


async def _post(url: str, body: bytes) -> tuple[int, bytes]:
    headers = [("content-type", "application/json")]
    async with (
        httpcore.AsyncConnectionPool() as pool,
        pool.stream("POST", url, headers=headers, content=body) as response,
    ):
        pieces: list[bytes] = []
        size = 0
        async for piece in response.aiter_stream():
            size += len(piece)
            if size > MAX_ANSWER_BYTES:
                raise EmbeddingsFailedError("the answer is too long")
            pieces.append(piece)
        return response.status, b"".join(pieces)


def _reason(answer: bytes) -> str:
    try:
        return msgspec.json.decode(answer, type=_Refusal).error
    except msgspec.DecodeError:
        return ""
