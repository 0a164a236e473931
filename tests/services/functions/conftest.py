"""A server with an engine, and a program that deploys functions to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.services.functions.project import FunctionsProject
from tests.support.server import TidewireServer


@pytest.fixture(scope="module")
def functions_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TidewireServer]:
    """A running server, shared by the tests of a module."""
    arguments = ["--drain-seconds", "0.2", "--synchronous", "normal"]
    running = TidewireServer(tmp_path_factory.mktemp("server") / "data", arguments).start()
    yield running
    if running.process:
        assert running.stop() == 0


@pytest.fixture
def project(functions_server: TidewireServer) -> Iterator[FunctionsProject]:
    """Its project, reached with a key for everything."""
    with FunctionsProject.of(functions_server) as reached:
        yield reached
