"""Deployments made of a few files, and engines that run them."""

from __future__ import annotations

import io
import tarfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidewire.functions.contract import FunctionRequest, FunctionResponse, Isolation, Run
from tidewire.functions.engine import LocalEngine
from tidewire.functions.groups import ControlGroups, Hierarchies
from tidewire.functions.relay import ApiRelay
from tidewire.functions.runtimes import Installed
from tidewire.functions.sandbox import Sandbox
from tidewire.functions.scratch import Scratch
from tidewire.functions.specifications import SPECIFICATIONS
from tidewire.settings import Settings

SPECIFICATION = SPECIFICATIONS["s-1vcpu-512mb"]
FILES = {"node": "index.js", "python": "main.py"}


@dataclass(frozen=True)
class Machine:
    """What is found once for all tests."""

    isolation: Isolation
    hierarchies: Hierarchies | None
    runtimes: Mapping[str, Installed]

    def runtime(self, language: str) -> str:
        """The newest of a language."""
        return [key for key, each in self.runtimes.items() if each.language.key == language][-1]

    def engine(
        self,
        root: Path,
        isolation: Isolation | None = None,
        hidden: tuple[Path, ...] = (),
        relay: ApiRelay | None = None,
        **settings: Any,
    ) -> LocalEngine:
        scratch = Scratch(root)
        groups = ControlGroups(self.hierarchies)
        sandbox = Sandbox(isolation or self.isolation, scratch, [*hidden, root], groups)

        async def find() -> Mapping[str, Installed]:
            return self.runtimes

        return LocalEngine(Settings(**settings), scratch, sandbox, find, relay)

    async def engine_with_api(self, root: Path, isolation: Isolation, port: int) -> LocalEngine:
        """One whose functions have no network but the API."""
        folder = root / "relay"
        folder.mkdir()
        relay = ApiRelay(f"http://localhost:{port}/v1", folder)
        await relay.start()
        return self.engine(root, isolation, relay=relay, functions_network=False)


def packed(files: Mapping[str, str | bytes]) -> bytes:
    """A gzip tar."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


class Function:
    """One deployment."""

    def __init__(
        self,
        engine: LocalEngine,
        runtime: str,
        files: Mapping[str, str | bytes] | str,
        *,
        entrypoint: str = "",
        deployment: str = "deployment",
        environment: Mapping[str, str] | None = None,
        specification: str = SPECIFICATION.slug,
    ) -> None:
        entrypoint = entrypoint or FILES[runtime.split("-")[0]]
        data = packed({entrypoint: files} if isinstance(files, str) else files)
        self.engine = engine
        self.fetched = 0

        async def archive() -> AsyncIterator[bytes]:
            self.fetched += 1
            yield data[:100]
            yield data[100:]

        self.run = Run(
            "project",
            deployment,
            runtime,
            entrypoint,
            SPECIFICATIONS[specification],
            environment or {},
            archive,
        )

    async def __call__(
        self, path: str = "/", body: bytes = b"", method: str = "POST", **options: Any
    ) -> FunctionResponse:
        headers = options.pop("headers", [])
        return await self.engine.execute(self.run, FunctionRequest(method, path, headers, body, **options))
