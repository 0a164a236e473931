"""Embeddings, from a server that answers as Ollama does."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from tests.services.world import World, on_the_wire
from tests.support.receiver import Received, answer, receiving
from tidewire.core.errors import TidewireError
from tidewire.services.embeddings import create_text_embeddings
from tidewire.settings import Settings


async def test_texts_become_vectors(world: World) -> None:
    async def reply(request: Received) -> bytes:
        vectors = [[len(text), 0.5] for text in request.json["input"]]
        return answer(200, body=msgspec.json.encode({"embeddings": vectors}).decode())

    async with receiving(reply) as server:
        world.settings = Settings(embeddings_url=server.url())
        found = on_the_wire(await create_text_embeddings(world.context(), ["tide", "wire!"], "all-minilm"))
        (request,) = server.requests
        nothing = on_the_wire(await create_text_embeddings(world.context(), []))
        assert len(server.requests) == 1
    assert (request.method, request.target) == ("POST", "/api/embed")
    assert request.json == {"model": "all-minilm", "input": ["tide", "wire!"]}
    common = {"model": "all-minilm", "dimension": 2, "error": ""}
    assert found == {
        "total": 2,
        "embeddings": [{**common, "embedding": [4, 0.5]}, {**common, "embedding": [5, 0.5]}],
    }
    assert nothing == {"total": 0, "embeddings": []}


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (404, '{"error":"model not found"}', "model not found"),
        (500, "oops", "status 500"),
        (200, "oops", "no embeddings"),
        (200, '{"embeddings":[["1"]]}', "no embeddings"),
        (200, '{"embeddings":[]}', "not one embedding for each text"),
    ],
)
async def test_a_failing_server_is_told_of(world: World, status: int, body: str, reason: str) -> None:
    async def reply(_: Received) -> bytes:
        return answer(status, body=body)

    async with receiving(reply) as server:
        world.settings = Settings(embeddings_url=server.url())
        (found,) = (await create_text_embeddings(world.context(), ["tide"])).embeddings
    assert (found.dimension, found.embedding) == (0, [])
    assert reason in found.error


@pytest.mark.parametrize("url", [lambda port: f"http://127.0.0.1:{port}", lambda _: "gopher://localhost"])
async def test_a_missing_server_is_told_of(world: World, url: Callable[[int], str]) -> None:
    async with receiving() as server:
        port = server.port
    world.settings = Settings(embeddings_url=url(port))
    (found,) = (await create_text_embeddings(world.context(), ["tide"])).embeddings
    assert found.error.startswith("The embedding could not be computed")


async def test_without_a_server_there_are_none(world: World) -> None:
    with pytest.raises(TidewireError, match="embeddings_url") as refused:
        await create_text_embeddings(world.context(), ["tide"])
    assert refused.value.type == "general_service_disabled"
