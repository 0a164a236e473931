"""Code that means no good: each ends in its typed error, within its bound, and others go on."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.functions.support import Function, Machine
from tidewire.functions.contract import (
    CrashedError,
    EngineError,
    NotReadyError,
    TimedOutError,
    TooLargeError,
)
from tidewire.functions.engine import LocalEngine

NODE_OK = "module.exports = ({res}) => res.text('ok');"


def commands_that_contain(marker: str) -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        with suppress(OSError):
            if folder.name.isdigit() and marker.encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found


async def gone(marker: str) -> None:
    async with asyncio.timeout(5):
        while commands_that_contain(marker):  # noqa: ASYNC110 - they are nobody's children here
            await asyncio.sleep(0.05)


async def failure(function: Function, seconds: float = 15.0) -> EngineError:
    with pytest.raises(EngineError) as caught:
        await function(timeout=seconds)
    return caught.value


@pytest.fixture
async def neighbour(engine: LocalEngine, machine: Machine) -> AsyncIterator[Function]:
    """Another project's function, which goes on all the time."""
    function = Function(engine, machine.runtime("node"), NODE_OK, deployment="neighbour")
    assert (await function()).body == b"ok"
    yield function
    response = await function()
    assert (response.body, response.cold_start) == (b"ok", False)


@pytest.mark.parametrize("language", ["node", "python"])
async def test_an_endless_loop_ends_at_its_time(
    engine: LocalEngine, machine: Machine, neighbour: Function, language: str
) -> None:
    code = {
        "node": "module.exports = ({log}) => { log('begun'); for (;;); };",
        "python": "def main(context):\n    context.log('begun')\n    while True: pass",
    }[language]
    function = Function(engine, machine.runtime(language), code)
    begun = asyncio.get_running_loop().time()
    first = asyncio.ensure_future(failure(function, seconds=1.5))
    await asyncio.sleep(0.3)
    assert (await neighbour()).body == b"ok"
    error = await first
    assert type(error) is TimedOutError
    assert error.logs == "begun\n"
    assert asyncio.get_running_loop().time() - begun < 4
    async with asyncio.timeout(5):
        while engine.processes > 1:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_what_it_started_ends_with_it(engine: LocalEngine, machine: Machine) -> None:
    marker = f"31{os.getpid()}.25"
    code = (
        "const {spawn} = require('child_process');\nmodule.exports = async ({log}) => {\n"
        f"  spawn('setsid', ['sh', '-c', 'trap \"\" TERM HUP; sleep {marker}'], {{detached: true, stdio: 'ignore'}}).unref();\n"
        "  process.on('SIGTERM', () => {}); await new Promise(() => {}); };"
    )
    function = Function(engine, machine.runtime("node"), code)
    response = await function(timeout=1.0)
    assert response.errors == "Execution timed out.\n"
    await gone(marker)


async def test_a_fork_bomb_is_bounded(machine: Machine, root: Path) -> None:
    marker = f"32{os.getpid()}.25"
    code = (
        "import subprocess\ndef main(context):\n    started = 0\n    try:\n        while started < 200:\n"
        f"            subprocess.Popen(['sleep', '{marker}']); started += 1\n"
        "    except OSError:\n        pass\n    return context.res.text(str(started))"
    )
    engine = machine.engine(root, functions_tasks_max=24)
    try:
        response = await Function(engine, machine.runtime("python"), code)()
        assert 10 < int(response.body) < 24
        assert len(commands_that_contain(marker)) < 24
    finally:
        await engine.close()
    await gone(marker)


@pytest.mark.parametrize("language", ["node", "python"])
async def test_a_memory_eater_is_ended(
    engine: LocalEngine, machine: Machine, neighbour: Function, language: str
) -> None:
    code = {
        "node": "module.exports = ({res}) => { const all = []; for (;;) all.push(Buffer.alloc(16 << 20, 1)); };",
        "python": "def main(context):\n    held = []\n    while True: held.append(b'x' * (16 << 20))",
    }[language]
    function = Function(engine, machine.runtime(language), code)
    try:
        response = await function(timeout=10.0)
        assert response.status == 500
        assert "Memory" in response.errors or "memory" in response.errors or "allocation" in response.errors
    except CrashedError as error:
        assert "memory" in str(error) or "signal 6" in str(error), error


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("module.exports = ({res}) => res.binary(Buffer.alloc(3 << 20));", TooLargeError),
        ("module.exports = ({res}) => res.text('', 200, {'x-large': 'x'.repeat(400000)});", TooLargeError),
        (
            "module.exports = ({res}) => res.text('', 200, Object.fromEntries([...Array(900).keys()].map((n) => ['x' + n, 'y'])));",
            TooLargeError,
        ),
        ("module.exports = () => process.exit(7);", CrashedError),
        ("module.exports = () => process.kill(process.pid, 'SIGKILL');", CrashedError),
        ("module.exports = () => process.abort();", CrashedError),
        (
            "const net = require('net'); module.exports = () => { for (const each of process._getActiveHandles())"
            " if (each instanceof net.Socket) each.destroy(); return new Promise(() => {}); };",
            CrashedError,
        ),
        (
            "const net = require('net'); module.exports = () => { for (const each of process._getActiveHandles())"
            " if (each instanceof net.Socket && each.server) each.write('no HTTP at all\\r\\n\\r\\n');"
            " return new Promise(() => {}); };",
            CrashedError,
        ),
    ],
)
async def test_answers_that_are_none(
    machine: Machine, root: Path, code: str, kind: type[EngineError]
) -> None:
    engine = machine.engine(root, functions_answer_max_bytes=2 << 20)
    try:
        error = await failure(Function(engine, machine.runtime("node"), code), seconds=5.0)
        assert type(error) is kind
    finally:
        await engine.close()


async def test_the_reason_of_a_crash_is_told(engine: LocalEngine, machine: Machine) -> None:
    code = "module.exports = () => { setTimeout(() => { throw new Error('own words'); }, 1); return new Promise(() => {}); };"
    error = await failure(Function(engine, machine.runtime("node"), code))
    assert str(error) == "The process of the function ended with exit code 1."
    assert "own words" in error.errors


async def test_a_flood_of_output_holds_up_nobody(
    engine: LocalEngine, machine: Machine, neighbour: Function
) -> None:
    code = (
        "import os, threading\ndef flood(descriptor):\n    while True: os.write(descriptor, b'x' * 65536)\n"
        "def main(context):\n    import sys\n    log = int(sys.argv[2])\n"
        "    for each in (1, 2, log): threading.Thread(target=flood, args=(each,), daemon=True).start()\n"
        "    return context.res.text('ok')"
    )
    function = Function(engine, machine.runtime("python"), code)
    with suppress(EngineError):
        await function(timeout=3.0)
    longest = 0.0
    loop = asyncio.get_running_loop()
    for _ in range(20):
        begun = loop.time()
        assert (await neighbour()).body == b"ok"
        longest = max(longest, loop.time() - begun)
        await asyncio.sleep(0.02)
    assert longest < 3


async def test_a_deleted_tree_is_there_again(engine: LocalEngine, machine: Machine) -> None:
    code = (
        "import os, shutil\ndef main(context):\n"
        "    shutil.rmtree(os.path.dirname(os.path.abspath(__file__)), ignore_errors=True)\n"
        "    return context.res.text('still here')"
    )
    function = Function(engine, machine.runtime("python"), code)
    for _ in range(2):
        assert (await function()).body == b"still here"
        await engine.stop("project", "deployment")


SEEN = """
import os
def main(context):
    found = []
    for pid in os.listdir('/proc'):
        if pid.isdigit():
            for name in ('environ', 'cmdline'):
                try:
                    with open(f'/proc/{pid}/{name}', 'rb') as file: found.append(file.read())
                except OSError: pass
    for path in context.req.body_json:
        try:
            found.append(open(path, 'rb').read() if os.path.isfile(path) else str(os.listdir(path)).encode())
        except OSError: pass
    found.append(repr(os.environ).encode())
    return context.res.binary(b' '.join(found))
"""


async def test_nothing_of_the_server_is_seen(
    machine: Machine, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if machine.isolation == "limits":
        pytest.skip("this machine has neither bubblewrap nor namespaces")
    monkeypatch.setenv("TIDEWIRE_SECRET_KEY", "the-server-s-own-secret")
    data = root / "data"
    data.mkdir()
    (data / "secret").write_text("secret-of-the-data-directory")
    engine = machine.engine(data / "functions", hidden=(data,))
    try:
        other = Function(engine, machine.runtime("python"), {"main.py": SEEN, "other-file": "secret-of-another"},
                         deployment="other", environment={"OWN": "secret-of-another"})  # fmt: skip
        await other(body=b"[]")
        places = [data / "secret", data, data / "functions", root, Path("/root"), Path("/home"), Path("/etc/shadow"),
                  Path("/work"), Path(__file__)]  # fmt: skip
        places += [*(data / "functions").rglob("*")]
        function = Function(engine, machine.runtime("python"), SEEN, environment={"MINE": "visible"})
        body = str([str(place) for place in places]).replace("'", '"').encode()
        response = await function(body=body)
        assert response.status == 200, response.errors
        assert b"visible" in response.body
        assert b"secret-of" not in response.body
        assert b"server-s-own" not in response.body
        assert b"pytest" not in response.body
        assert b"import pytest" not in response.body
    finally:
        await engine.close()


async def test_nothing_can_be_written_but_temporary_files(engine: LocalEngine, machine: Machine) -> None:
    code = (
        "import os\ndef main(context):\n    written = []\n"
        "    for place in ('/', '/usr/', '/etc/', '/dev/', os.path.dirname(__file__) + '/', '/tidewire/', '/tmp/', '/dev/shm/'):\n"
        "        try:\n            open(place + 'x', 'w').write('x'); written.append(place)\n"
        "        except OSError: pass\n"
        "    try:\n        with open('/tmp/large', 'wb') as file:\n            for _ in range(100): file.write(b'x' * (1 << 20))\n"
        "        written.append('large')\n    except OSError: pass\n"
        "    return context.res.json(written)"
    )
    if machine.isolation == "limits":
        pytest.skip("this machine has neither bubblewrap nor namespaces")
    response = await Function(engine, machine.runtime("python"), code)()
    assert response.body == b'["/tmp/","/dev/shm/"]', response


async def test_dangerous_variables_reach_the_code_only(engine: LocalEngine, machine: Machine) -> None:
    environment = {"LD_PRELOAD": "/tidewire/function/evil.so", "BASH_ENV": "/tidewire/function/evil", "a-b": "dropped",
                   "BASH_FUNC_cd%%": "() { :; }", "PATH": "/own", "OPEN_RUNTIMES_SECRET": "x"}  # fmt: skip
    code = "import os\ndef main(context):\n    return context.res.text(os.environ['PATH'] + os.environ['BASH_ENV'])"
    function = Function(
        engine, machine.runtime("python"), {"main.py": code, "evil": "exit 3"}, environment=environment
    )
    assert (await function()).body == b"/own/tidewire/function/evil" or machine.isolation == "limits"


async def test_the_request_is_bounded_too(engine: LocalEngine, machine: Machine) -> None:
    function = Function(engine, machine.runtime("node"), NODE_OK)
    with pytest.raises(TooLargeError):
        await function(body=bytes(20_000_001))
    for path, headers in (("/a\r\nb: c", []), ("/a b", []), ("/", [("x", "a\nb: c")])):
        with pytest.raises(NotReadyError):
            await function(path, headers=headers)
    assert (await function()).body == b"ok"
