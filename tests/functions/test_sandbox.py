"""What each kind of isolation holds, on machines that have it."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.functions.support import SPECIFICATION, Function, Machine
from tests.functions.test_hostile import SEEN, commands_that_contain, gone
from tidewire.functions import isolation as isolations
from tidewire.functions.confinement import (
    PATH,
    Cell,
    Place,
    bounded_command,
    confined_command,
    encoded_environment,
)
from tidewire.functions.contract import Isolation, SandboxUnavailableError
from tidewire.functions.engine import LocalEngine, open_engine
from tidewire.functions.isolation import best_isolation
from tidewire.functions.runtimes import find_runtimes
from tidewire.functions.scratch import Scratch
from tidewire.settings import Settings

KINDS: tuple[Isolation, ...] = ("bubblewrap", "namespaces", "limits")


@pytest.fixture(params=KINDS)
async def kind(request: pytest.FixtureRequest, root: Path) -> Isolation:
    kind: Isolation = request.param
    scratch = Scratch(root)
    try:
        if shutil.which("bwrap") is None and kind == "bubblewrap":
            pytest.skip("this machine has no bubblewrap")
        if (reason := await isolations.trial(kind, scratch)) and kind != "limits":
            pytest.skip(f"not on this machine: {reason}")
    finally:
        scratch.close()
    return kind


@pytest.fixture
async def apart(machine: Machine, root: Path, kind: Isolation) -> AsyncIterator[LocalEngine]:
    engine = machine.engine(root, kind, functions_network=False)
    yield engine
    await engine.close()
    assert list(root.iterdir()) == []


async def test_both_languages_run(apart: LocalEngine, runtime: str) -> None:
    code = {
        "node": "module.exports = ({res}) => res.text('ok ' + process.env.OWN + require('fs').writeFileSync("
        "require('os').tmpdir() + '/x', 'x'));",
        "python": "import os, tempfile\ndef main(context):\n    tempfile.mkdtemp()\n"
        "    return context.res.text('ok ' + os.environ['OWN'] + 'undefined')",
    }[runtime.split("-")[0]]
    function = Function(apart, runtime, code, environment={"OWN": "own"})
    response = await function()
    assert response.body == b"ok ownundefined", response
    assert not (await function()).cold_start


async def test_a_runtime_among_temporary_files_is_seen(
    kind: Isolation, machine: Machine, root: Path, tmp_path: Path
) -> None:
    """The folder for temporary files is another one inside."""
    program = tmp_path / "bin" / "node"
    program.parent.mkdir()
    shutil.copy(machine.runtimes[machine.runtime("node")].program, program)
    if kind == "limits":
        pytest.skip("with limits alone the function's user does not get into folders of the tests")
    found = await find_runtimes([str(program.parent)], "")
    engine = replace(machine, runtimes=found).engine(root, kind)
    try:
        response = await Function(
            engine, next(iter(found)), "module.exports = ({res}) => res.text(process.execPath)"
        )()
    finally:
        await engine.close()
    assert response.body.decode() == str(program), response


async def test_what_is_seen(apart: LocalEngine, machine: Machine, root: Path, kind: Isolation) -> None:
    (root / "secret").write_text("secret-of-the-data-directory")
    (root / "secret").chmod(0o600)
    try:
        function = Function(apart, machine.runtime("python"), SEEN)
        body = f'["{root}/secret", "/root", "/etc/shadow", "/proc/1/environ"]'.encode()
        response = await function(body=body)
        assert response.status == 200, response.errors
        if kind != "limits" or os.geteuid() == 0:
            assert b"secret-of" not in response.body
        if kind != "limits":
            assert b"pytest" not in response.body
            assert response.body.count(b"server.py") < 6
    finally:
        (root / "secret").unlink()


async def test_whatever_it_started_ends(apart: LocalEngine, machine: Machine, kind: Isolation) -> None:
    if kind == "limits" and os.geteuid() != 0:
        pytest.skip("bounds of resources alone find only what stays in the session")
    marker = f"34{os.getpid()}.{KINDS.index(kind)}5"
    code = (
        "import subprocess\ndef main(context):\n"
        f"    subprocess.Popen(['setsid', 'sleep', '{marker}'])\n    return context.res.text('')"
    )
    assert (await Function(apart, machine.runtime("python"), code)()).status == 200
    async with asyncio.timeout(5):
        while not commands_that_contain(marker):  # noqa: ASYNC110 - one that becomes another has no name
            await asyncio.sleep(0.02)
    await apart.stop("project", "deployment")
    await gone(marker)


async def test_the_network_is_cut_where_asked(
    apart: LocalEngine, machine: Machine, root: Path, kind: Isolation
) -> None:
    code = (
        "import socket\ndef main(context):\n    try:\n"
        "        socket.create_connection(('127.0.0.1', int(context.req.body_text)), 2).close()\n"
        "        return context.res.text('reached')\n"
        "    except OSError as error:\n        return context.res.text(type(error).__name__)"
    )
    listening = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = str(listening.sockets[0].getsockname()[1]).encode()
    response = await Function(apart, machine.runtime("python"), code)(body=port)
    assert response.body == (b"reached" if kind == "limits" else b"ConnectionRefusedError")
    allowed = machine.engine(root, kind)
    try:
        assert (await Function(allowed, machine.runtime("python"), code)(body=port)).body == b"reached"
    finally:
        await allowed.close()
        listening.close()


async def test_without_network_the_api_is_reached(
    machine: Machine, root: Path, kind: Isolation, runtime: str
) -> None:
    if kind == "limits" or (kind == "namespaces" and shutil.which("ip") is None):
        pytest.skip("the network is not cut, or nothing can start the namespace's own")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\napi")
        await writer.drain()
        writer.close()

    code = {
        "node": "module.exports = async ({req, res}) => res.text(await (await fetch(req.bodyText)).text());",
        "python": "import urllib.request as r\ndef main(context):\n"
        "    return context.res.text(r.urlopen(context.req.body_text, timeout=5).read().decode())",
    }[runtime.split("-")[0]]
    api = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = api.sockets[0].getsockname()[1]
    engine = await machine.engine_with_api(root, kind, port)
    try:
        response = await Function(engine, runtime, code)(body=f"http://localhost:{port}/v1".encode())
        assert response.body == b"api", response
    finally:
        await engine.close()
        api.close()


async def test_memory_and_tasks_are_bounded(apart: LocalEngine, machine: Machine) -> None:
    code = (
        "import resource\ndef main(context):\n"
        "    names = ['RLIMIT_DATA', 'RLIMIT_NPROC', 'RLIMIT_FSIZE', 'RLIMIT_CORE']\n"
        "    return context.res.json([resource.getrlimit(getattr(resource, name))[1] for name in names])"
    )
    response = await Function(apart, machine.runtime("python"), code)()
    assert response.body == f"[{(512 + 64) << 20},128,{64 << 20},0]".encode()


SERVER = """
import asyncio, sys
from pathlib import Path
from tests.functions.support import Function
from tidewire.functions.engine import open_engine
from tidewire.settings import Settings

async def main():
    engine = await open_engine(Settings(), Path(sys.argv[1]), endpoint="http://127.0.0.1/v1")
    runtime = next(each.key for each in await engine.runtimes() if each.language == "python")
    code = (
        "import subprocess\\ndef main(context):\\n"
        f"    subprocess.Popen(['setsid', 'sleep', '{sys.argv[2]}'])\\n    return context.res.text('')"
    )
    print((await Function(engine, runtime, code)()).status, engine.isolation, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_nothing_survives_a_kill_of_the_server(machine: Machine, root: Path) -> None:
    if machine.isolation == "limits":
        pytest.skip("this machine has neither bubblewrap nor namespaces")
    marker = f"35{os.getpid()}.5"
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVER, root, marker, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2],
        env={**os.environ, "PATH": f"{machine.runtimes[machine.runtime('python')].program.parent}:/usr/bin:/bin"},
    )  # fmt: skip
    assert server.stdout is not None
    assert (await server.stdout.readline()).split()[:1] == [b"200"]
    assert len(commands_that_contain(marker)) > 0
    assert list(root.glob("engine-*/*.code"))
    server.send_signal(signal.SIGKILL)
    await server.wait()
    await gone(marker)
    scratch = Scratch(root)
    assert list(root.glob("engine-*/*.code")) == []
    scratch.close()
    assert list(root.iterdir()) == []


async def test_less_than_what_is_required_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(kind: Isolation, scratch: Scratch) -> str:
        return "" if kind == "limits" else "not permitted"

    monkeypatch.setattr(isolations, "trial", refused)
    scratch = Scratch(root)
    assert await best_isolation(scratch, required=False) == "limits"
    scratch.close()
    with pytest.raises(SandboxUnavailableError, match="not permitted"):
        await open_engine(Settings(functions_sandbox="required"), root, endpoint="http://127.0.0.1/v1")
    assert list(root.iterdir()) == []


async def test_two_engines_share_a_root(machine: Machine, root: Path) -> None:
    engines = [machine.engine(root) for _ in range(2)]
    try:
        functions = [Function(engine, machine.runtime("node"), "module.exports = ({res}) => res.text('ok');")
                     for engine in engines]  # fmt: skip
        answers = await asyncio.gather(*(function() for function in functions))
        assert [answer.body for answer in answers] == [b"ok", b"ok"]
        await engines[0].close()
        assert not (await functions[1]()).cold_start
    finally:
        await engines[1].close()


def test_it_holds_where_the_server_is_not_root(machine: Machine, root: Path) -> None:
    if os.geteuid() != 0 or machine.isolation != "bubblewrap":
        pytest.skip("only root can become another user, and there is no bubblewrap")
    code = root / "code"
    code.mkdir()
    for folder in (root, code):
        os.chown(folder, 12345, 12345)
    script = "echo $OWN; touch x /y; grep CapEff /proc/self/status; (for i in $(seq 25); do sleep 0.3 & done); wait"
    for kind in ("bubblewrap", "namespaces"):
        place = Place(code, "/tidewire/function")
        cell = Cell((place,), code, SPECIFICATION, 20, 1 << 20, 1 << 20, network=False)
        memory_file = os.memfd_create("environment")
        os.write(memory_file, encoded_environment({"OWN": "own", "PATH": PATH}))
        os.lseek(memory_file, 0, os.SEEK_SET)
        bounded = bounded_command(["bash", "-c", script], cell, memory_file, place.target)
        tree = root / kind
        command = confined_command(kind, bounded, cell, [], None, tree)
        if tree.exists():
            os.chown(tree, 12345, 12345)
        done = subprocess.run(
            command, user=12345, group=12345, extra_groups=[], pass_fds=(memory_file,), capture_output=True,
            text=True, env={"PATH": PATH}, start_new_session=True, check=True,
        )  # fmt: skip
        os.close(memory_file)
        assert done.stdout.split() == ["own", "CapEff:", "0" * 16], kind
        assert done.stderr.count("Read-only file system") == 2
        assert "fork" in done.stderr
        if tree.exists():
            tree.rmdir()
