from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

import pytest
import uvloop

from tests.functions.support import Machine
from tidewire.functions.engine import LocalEngine
from tidewire.functions.groups import find_hierarchies
from tidewire.functions.isolation import best_isolation
from tidewire.functions.runtimes import find_runtimes
from tidewire.functions.scratch import Scratch


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The event loop of the server."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def machine() -> Machine:
    async def found() -> Machine:
        with tempfile.TemporaryDirectory() as folder:
            scratch = Scratch(Path(folder))
            isolation = await best_isolation(scratch, required=False)
            scratch.close()
        # Not all of the PATH: where versions are chosen by scripts, asking each takes long.
        programs = [Path(sys.base_prefix) / "bin" / "python3", Path(shutil.which("node") or "/usr/bin/node")]
        folders = ["/usr/bin", *(str(program.parent) for program in programs)]
        runtimes = await find_runtimes([], os.pathsep.join(folders))
        return Machine(isolation, find_hierarchies(), runtimes)

    return asyncio.run(found())


@pytest.fixture
def root() -> Iterator[Path]:
    """A folder that another user may pass through, as pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="tidewire-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
async def engine(machine: Machine, root: Path) -> AsyncIterator[LocalEngine]:
    engine = machine.engine(root)
    yield engine
    await engine.close()
    assert list(root.iterdir()) == []


@pytest.fixture(params=["node", "python"])
def runtime(request: pytest.FixtureRequest, machine: Machine) -> str:
    return machine.runtime(request.param)
