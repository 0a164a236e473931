"""The C programs, compiled as strictly as can be."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from benchmarks.native import FLAGS, LoadGenerator, build
from benchmarks.peers import Running
from benchmarks.peers.bare_sender import BareSender

CORE = min(os.sched_getaffinity(0))


@pytest.fixture(scope="session")
def generator(tmp_path_factory: pytest.TempPathFactory) -> LoadGenerator:
    """The load generator; a warning of the compiler or a wrong access to memory fails the test."""
    directory = tmp_path_factory.mktemp("native")
    build(directory, (*FLAGS, "-Wconversion", "-Werror", "-fsanitize=address,undefined"))
    return LoadGenerator(CORE, directory)


@pytest.fixture
def sender(generator: LoadGenerator) -> Iterator[Running]:
    """A running bare sender."""
    with BareSender().start(CORE, generator) as running:
        yield running
