"""The two distributions, built from the checkout and installed into environments that have nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import tidewire
import tidewire.client
import tidewire_client
from tests.support.server import TidewireServer

CHECKOUT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with both, built from copies: building leaves its traces where the sources are."""
    built = tmp_path_factory.mktemp("wheels")
    for name, root in (("tidewire", CHECKOUT), ("tidewire-client", CHECKOUT / "client")):
        sources = tmp_path_factory.mktemp("sources") / name
        sources.mkdir()
        for part in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(root / part, sources)
        shutil.copytree(root / "src", sources / "src", ignore=shutil.ignore_patterns("*.so", "*.egg-info"))
        _pip(Path(sys.executable), "wheel", "--no-deps", "--wheel-dir", str(built), str(sources))
    return built


def test_the_server_needs_no_extra(wheels: Path, tmp_path: Path) -> None:
    python = _environment(tmp_path, wheels, "tidewire")
    server = TidewireServer(
        tmp_path / "data", ["--drain-seconds", "0"], program=(str(python), "-m", "tidewire")
    )
    server.start()
    try:
        assert server.create_key().startswith("standard_")
        _run(python, "from tidewire.client import Realtime")
    finally:
        server.stop()


def test_the_client_needs_nothing_of_the_server(wheels: Path, tmp_path: Path, server: TidewireServer) -> None:
    python = _environment(tmp_path, wheels, "tidewire-client")
    _run(
        python,
        f"""
import asyncio, importlib.util
from tidewire_client import Realtime

assert importlib.util.find_spec("tidewire") is None

async def main():
    async with Realtime({server.endpoint!r}, {server.project!r}) as realtime:
        async with realtime.subscribe("files") as subscription:
            await subscription.active()

asyncio.run(main())
""",
    )


def test_both_have_one_version() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    assert tidewire.__version__ == tidewire_client.__version__
    assert f"tidewire-client=={tidewire_client.__version__}" in project["dependencies"]
    assert tidewire.client.__all__ == [name for name in tidewire_client.__all__ if name != "__version__"]


def _environment(directory: Path, wheels: Path, distribution: str) -> Path:
    """The interpreter of a new environment with one distribution and what it asks for."""
    subprocess.run([sys.executable, "-m", "venv", directory / "environment"], check=True)
    python = directory / "environment" / "bin" / "python"
    constraints = str(CHECKOUT / "constraints.txt")
    _pip(python, "install", "--constraint", constraints, "--find-links", str(wheels), distribution)
    return python


def _pip(python: Path, *arguments: str) -> None:
    command = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _run(python: Path, program: str) -> None:
    done = subprocess.run([python, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
