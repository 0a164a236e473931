"""Builds, with real commands."""

from __future__ import annotations

import asyncio
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.functions.support import Function, Machine, packed
from tests.functions.test_hostile import gone
from tidewire.functions.contract import (
    MAX_LOG_CHARACTERS,
    TRUNCATED,
    BadArchiveError,
    BuildFailedError,
    BuildRequest,
    BuildResult,
    TimedOutError,
    TooLargeError,
    UnknownRuntimeError,
)
from tidewire.functions.engine import LocalEngine
from tidewire.functions.specifications import SPECIFICATIONS


class Builds:
    """Builds of one engine, in a folder for their archives."""

    def __init__(self, engine: LocalEngine, folder: Path, runtime: str) -> None:
        self.engine = engine
        self.folder = folder
        self.runtime = runtime
        self.pieces: list[str] = []

    async def __call__(self, files: Any, commands: str, **options: Any) -> BuildResult:
        source = self.folder / "source"
        source.write_bytes(files if isinstance(files, bytes) else packed(files))
        fields: dict[str, Any] = {
            "runtime": self.runtime, "entrypoint": "main.py", "environment": {},
            "specification": SPECIFICATIONS["s-0.5vcpu-512mb"],
        } | options  # fmt: skip
        request = BuildRequest(
            project="project",
            deployment="d",
            source=source,
            output=self.folder / "output",
            commands=commands,
            **fields,
        )
        return await self.engine.build(request, self.pieces.append)

    @property
    def output(self) -> list[str]:
        with tarfile.open(self.folder / "output") as tar:
            return sorted(tar.getnames())


@pytest.fixture
def build(engine: LocalEngine, machine: Machine, tmp_path: Path) -> Builds:
    return Builds(engine, tmp_path, machine.runtime("node"))


async def test_without_commands_the_source_is_packed(build: Builds) -> None:
    result = await build({"index.js": "x", "lib/a.js": "y"}, "")
    assert build.output == ["index.js", "lib", "lib/a.js"]
    assert result.output_bytes == (build.folder / "output").stat().st_size
    assert (result.logs, build.pieces) == ("", [])


async def test_the_log_is_told_while_it_is_written(build: Builds) -> None:
    commands = 'echo one $OWN; echo two >&2\nsleep 0.5; printf "no newline"; mkdir made; echo x > made/$OPEN_RUNTIMES_ENTRYPOINT'
    task = asyncio.ensure_future(build({"a": "x"}, commands, environment={"OWN": "ä"}))
    async with asyncio.timeout(10):
        while not build.pieces:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert not task.done()
    result = await task
    assert result.logs == "".join(build.pieces) == "one ä\ntwo\nno newline"
    assert build.output == ["a", "made", "made/main.py"]


async def test_commands_that_fail(build: Builds) -> None:
    with pytest.raises(BuildFailedError, match="exit code 7") as caught:
        await build({"a": "x"}, "echo before\n(exit 7)\necho after")
    assert str(caught.value) == "Build failed with exit code 7."
    assert caught.value.logs == "before\n"
    with pytest.raises(BuildFailedError, match="produced no output"):
        await build({"a": "x"}, "rm a; mkdir empty")
    with pytest.raises(BadArchiveError):
        await build(packed({"../a": "x"}), "true")
    with pytest.raises(UnknownRuntimeError):
        await build({"a": "x"}, "true", runtime="node-3")
    assert not (build.folder / "output").exists()


async def test_time_and_cancelling_end_all_of_it(build: Builds, root: Path) -> None:
    marker = f"33{os.getpid()}.5"
    commands = f"trap '' TERM; setsid sleep {marker} & echo begun; sleep {marker}"
    with pytest.raises(TimedOutError) as caught:
        await build({"a": "x"}, commands, timeout=1.0)
    assert caught.value.logs == "begun\n"
    await gone(marker)
    task = asyncio.ensure_future(build({"a": "x"}, commands))
    await asyncio.sleep(0.5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await gone(marker)
    assert list(root.glob("*/build-*")) == []


async def test_a_flood_of_log_is_cut(build: Builds) -> None:
    result = await build({"a": "x"}, "head -c 3000000 /dev/zero | tr '\\0' 'x'; echo; echo end")
    assert result.logs.startswith(TRUNCATED)
    assert result.logs.endswith("x\nend\n")
    assert len(result.logs) == MAX_LOG_CHARACTERS


async def test_the_disk_is_bounded(machine: Machine, root: Path, tmp_path: Path) -> None:
    engine = machine.engine(
        root, functions_unpacked_max_bytes=20_000_000, functions_build_max_bytes=1_000_000
    )
    build = Builds(engine, tmp_path, machine.runtime("node"))
    try:
        with pytest.raises(BuildFailedError):  # one file
            await build({"a": "x"}, "head -c 30000000 /dev/zero > large")
        with pytest.raises(TooLargeError, match="of the disk"):
            await build(
                {"a": "x"}, "for i in 1 2 3 4; do head -c 9000000 /dev/urandom > large$i; done; sleep 30"
            )
        with pytest.raises(TooLargeError, match="when packed"):
            await build({"a": "x"}, "head -c 2000000 /dev/urandom > large")
        assert not (tmp_path / "output").exists()
    finally:
        await engine.close()


async def test_files_and_folders_are_bounded(machine: Machine, root: Path, tmp_path: Path) -> None:
    engine = machine.engine(root, functions_unpacked_max_files=100)
    build = Builds(engine, tmp_path, machine.runtime("node"))
    try:
        with pytest.raises(TooLargeError, match="What was built has more than 100"):  # it could not be run
            await build({"a": "x"}, "mkdir folder{1..150}")
        with pytest.raises(TooLargeError, match="made more than 100"):
            await build({"a": "x"}, "mkdir $TMPDIR/folder{1..150}; sleep 30")
        with pytest.raises(BuildFailedError, match="no output artifact"):
            await build({"a": "x"}, "rm a; mkdir folder{1..50}")
        assert not (tmp_path / "output").exists()
    finally:
        await engine.close()


async def test_nothing_of_the_server_is_seen_by_a_build(
    build: Builds, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    if machine.isolation == "limits":
        pytest.skip("this machine has neither bubblewrap nor namespaces")
    monkeypatch.setenv("TIDEWIRE_SECRET_KEY", "the-server-s-own-secret")
    result = await build(
        {"a": "x"}, "env; cat /proc/*/environ | tr '\\0' '\\n'; ls /; id -u; touch /usr/x || echo refused"
    )
    assert "server-s-own" not in result.logs
    assert "PATH=" in result.logs
    assert "refused" in result.logs
    assert "root" not in result.logs.split()


async def test_what_npm_installs_is_there_when_it_runs(build: Builds, engine: LocalEngine) -> None:
    files = {
        "index.js": "module.exports = ({res}) => res.text(require('own-package'));",
        "package.json": '{"dependencies": {"own-package": "file:./vendored"}}',
        "vendored/package.json": '{"name": "own-package", "version": "1.0.0"}',
        "vendored/index.js": "module.exports = 'from npm';",
    }
    await build(files, "npm install --offline --no-audit", entrypoint="index.js")
    with tarfile.open(build.folder / "output") as tar:
        built = {
            member.name: tar.extractfile(member).read()  # type: ignore[union-attr]
            for member in tar
            if member.isfile()
        }
        links = [member.name for member in tar if member.issym()]
    assert links == ["node_modules/own-package"]
    built["node_modules/own-package/index.js"] = built["vendored/index.js"]
    response = await Function(engine, build.runtime, built)()
    assert response.body == b"from npm", response.errors


async def test_what_pip_installs_is_there_when_it_runs(
    engine: LocalEngine, machine: Machine, tmp_path: Path
) -> None:
    files = {
        "main.py": "import own_package, other\ndef main(context):\n"
        "    return context.res.text(own_package.x + other.x)",
        "vendored/setup.py": "from setuptools import setup\nsetup(name='own', version='1', py_modules=['own_package'])",
        "vendored/own_package.py": "x = 'from pip'",
    }
    build = Builds(engine, tmp_path, machine.runtime("python"))
    commands = (
        "site=$(python -c 'import sysconfig; print(sysconfig.get_path(\"purelib\"))')\n"
        "case $site in */runtime-env/*) ;; *) exit 9;; esac\n"
        "cp vendored/own_package.py $site/; pip --version; echo \"x = ', other'\" > other.py"
    )
    result = await build(files, commands)
    assert "pip" in result.logs
    with tarfile.open(tmp_path / "output") as tar:
        wanted = [member for member in tar if member.isfile() and "/pip" not in member.name]
        built = {member.name: tar.extractfile(member).read() for member in wanted}  # type: ignore[union-attr]
    response = await Function(engine, build.runtime, built)()
    assert response.body == b"from pip, other", response.errors
