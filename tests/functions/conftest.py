from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.functions.support import Machine
from tidewire.functions.engine import LocalEngine
from tidewire.functions.groups import find_hierarchies
from tidewire.functions.isolation import best_isolation
from tidewire.functions.runtimes import find_runtimes
from tidewire.functions.scratch import Scratch


@pytest.fixture(scope="session")
def machine() -> Machine:
    async def found() -> Machine:
        with tempfile.TemporaryDirectory() as folder:
            scratch = Scratch(Path(folder))
            isolation = await best_isolation(scratch, required=False)
            scratch.close()
        return Machine(isolation, find_hierarchies(), await find_runtimes([]))

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
