"""The command line as a user types it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import time
from pathlib import Path

import httpx
import pytest
import websockets

from tests.support.launcher import run_apart
from tests.support.server import PROGRAM, TidewireServer, lives
from tidewire import __version__


def test_version() -> None:
    assert subprocess.check_output([*PROGRAM, "version"], text=True) == f"tidewire {__version__}\n"


@pytest.mark.parametrize("arguments", [("--port", "x"), ("--workers", "0"), ("--config", "/nowhere.toml")])
def test_a_wrong_setting_ends_with_code_2_and_one_line(arguments: tuple[str, ...]) -> None:
    done = run_apart("serve", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1


def test_a_taken_port_is_said(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run_apart("serve", "--port", str(taken.getsockname()[1]), "--data-dir", str(tmp_path / "data"))
    assert done.returncode == 1
    assert "cannot listen on 127.0.0.1" in done.stderr


@pytest.mark.parametrize("workers", [1, 2])
def test_an_unusable_data_directory_is_said(tmp_path: Path, workers: int) -> None:
    (tmp_path / "file").touch()
    done = run_apart(
        "serve", "--port", "0", "--workers", str(workers), "--data-dir", str(tmp_path / "file" / "data")
    )
    assert done.returncode == 1
    assert "data directory" in done.stderr


def test_first_start_creates_private_files_and_answers(tmp_path: Path) -> None:
    server = TidewireServer(tmp_path / "data", program=PROGRAM).start()
    try:
        assert httpx.get(f"{server.endpoint}/openapi.json").json()["openapi"].startswith("3.")
        assert stat.S_IMODE(server.data_dir.stat().st_mode) == 0o700
        for path in server.data_dir.iterdir():
            if path.is_file() and "secret" in path.name:
                assert stat.S_IMODE(path.stat().st_mode) == 0o600
    finally:
        assert server.stop() == 0
    project = server.project
    assert server.start().project == project
    assert server.stop() == 0


def test_projects_and_keys(server: TidewireServer) -> None:
    project = server.command("project", "create", "--project", "second", "--name", "Second")
    assert project == "second"
    assert "second" in server.command("project", "list")
    secret = server.command("key", "create", "--project", "second", "--scopes", "buckets.read,buckets.write")
    headers = {"X-Appwrite-Project": "second", "X-Appwrite-Key": secret}
    created = httpx.post(
        f"{server.endpoint}/storage/buckets", headers=headers, json={"bucketId": "b", "name": "B"}
    )
    assert created.status_code == 201
    elsewhere = httpx.get(
        f"{server.endpoint}/storage/buckets", headers={**headers, "X-Appwrite-Project": server.project}
    )
    assert elsewhere.status_code == 401
    repeated = run_apart("project", "create", "--project", "second", "--data-dir", str(server.data_dir))
    assert (repeated.returncode, repeated.stdout) == (1, "")
    unknown = run_apart("key", "create", "--scopes", "buckets.raed", "--data-dir", str(server.data_dir))
    assert unknown.returncode == 2
    assert "buckets.raed" in unknown.stderr


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_signal_drains(tmp_path: Path, workers: str) -> None:
    server = TidewireServer(
        tmp_path / "data", ["--workers", workers, "--drain-seconds", "1"], program=PROGRAM
    ).start()
    sockets = [await websockets.connect(f"{server.realtime}?project={server.project}") for _ in range(10)]
    for connection in sockets:
        assert json.loads(await connection.recv())["type"] == "connected"
    assert server.process
    server.process.send_signal(signal.SIGINT)
    for connection in sockets:
        await connection.wait_closed()
        assert connection.close_code == 1012
    assert server.stop() == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_directory_that_is_served_is_refused_to_a_second_server(tmp_path: Path, workers: str) -> None:
    server = TidewireServer(tmp_path / "data", ["--workers", workers]).start()
    assert server.process
    try:
        for port in (server.port, 0):
            refused = run_apart("serve", "--port", str(port), "--data-dir", str(server.data_dir))
            assert (refused.returncode, refused.stdout) == (1, "")
            assert refused.stderr.count("\n") == 1
            assert f"process {server.process.pid} on 127.0.0.1:{server.port} since 20" in refused.stderr
        # The commands that work beside a server still do.
        assert server.command("project", "list")
    finally:
        assert server.stop() == 0
    assert server.start().stop() == 0


@pytest.mark.parametrize("workers", ["1", "3"])
async def test_the_server_may_be_killed_and_started_again_at_once(tmp_path: Path, workers: str) -> None:
    """``kill -9`` of the process that was started: its workers drain and end, and do not hold the port."""
    server = TidewireServer(tmp_path / "data", ["--workers", workers, "--drain-seconds", "0.5"]).start()
    orphans = server.workers()
    assert len(orphans) == (0 if workers == "1" else 3)
    sockets = [await websockets.connect(f"{server.realtime}?project={server.project}") for _ in range(9)]
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)
    try:
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"{server.endpoint}/openapi.json")).status_code == 200
        for connection in sockets:
            await asyncio.wait_for(connection.wait_closed(), 30)
            assert connection.close_code == (1006 if workers == "1" else 1012)
        async with asyncio.timeout(30):
            while any(map(lives, orphans)):  # noqa: ASYNC110 - they are nobody's children here
                await asyncio.sleep(0.05)
    finally:
        assert server.stop() == 0


async def test_events_cross_worker_processes(tmp_path: Path) -> None:
    server = TidewireServer(tmp_path / "data", ["--demo", "--workers", "3", "--drain-seconds", "0.1"]).start()
    try:
        address = f"{server.realtime}?project={server.project}&channels[]=files"
        sockets = [await websockets.connect(address) for _ in range(12)]
        for connection in sockets:
            assert json.loads(await connection.recv())["type"] == "connected"
        created = []
        for number in range(12):
            async with httpx.AsyncClient() as client:
                answer = await client.post(
                    f"{server.endpoint}/storage/buckets/demo/files",
                    data={"fileId": f"f{number}"},
                    files={"file": ("a.txt", b"x")},
                    headers={"X-Appwrite-Project": server.project},
                )
            created.append(answer.json()["$id"])
        for connection in sockets:
            received = [json.loads(await connection.recv())["data"] for _ in created]
            assert [event["payload"]["$id"] for event in received] == created
            await connection.close()
    finally:
        assert server.stop() == 0


@pytest.mark.parametrize(
    "command",
    [
        ("key", "create", "--scopes", "all"),
        ("dev-key", "create"),
        ("project", "list"),
        ("db", "export", "-", "--database", "d", "--table", "t"),
        ("db", "import", "-", "--database", "d", "--table", "t"),
    ],
)
def test_commands_that_read_make_no_data_directory(tmp_path: Path, command: tuple[str, ...]) -> None:
    for directory in (tmp_path / "wrong", tmp_path):
        done = run_apart(*command, "--data-dir", str(directory))
        assert (done.returncode, done.stdout) == (1, "")
        assert "there is no data directory at" in done.stderr
        assert done.stderr.count("\n") == 1
        assert list(tmp_path.iterdir()) == []


def test_what_is_logged_stays_out_of_what_a_command_prints(tmp_path: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy"
    made = run_apart("project", "create", "--project", "shop", "--name", "Shop", "--data-dir", str(data))
    assert made.returncode == 0
    printed = run_apart("project", "list", "--data-dir", str(data)).stdout
    shutil.copytree(data, copy)
    listed = run_apart("project", "list", "--data-dir", str(copy))
    assert (listed.returncode, listed.stdout) == (0, printed)
    assert "put back from a copy" in listed.stderr


def test_an_unknown_key_is_told_so(server: TidewireServer, api_key: str) -> None:
    headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": api_key[:-1] + "x"}
    answer = httpx.get(f"{server.endpoint}/users", headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (401, "general_unauthorized_scope")
    assert "The API key is not known in this project" in answer.json()["message"]
    del headers["X-Appwrite-Key"]
    assert "A guest lacks" in httpx.get(f"{server.endpoint}/users", headers=headers).json()["message"]


def test_everything_is_private_whatever_the_umask(tmp_path: Path) -> None:
    data = tmp_path / "data"
    before = os.umask(0)
    try:
        server = TidewireServer(data, ["--demo", "--workers", "2", "--drain-seconds", "0"]).start()
        try:
            headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": server.create_key()}
            files = {"file": ("a.txt", b"x")}
            form = {"fileId": "f"}
            httpx.post(
                f"{server.endpoint}/storage/buckets/demo/files", data=form, files=files, headers=headers
            ).raise_for_status()
            person = {"userId": "u", "email": "ada@example.com", "name": "Ada"}
            httpx.post(
                f"{server.endpoint}/account/tokens/magic-url", json=person, headers=headers
            ).raise_for_status()
            deadline = time.monotonic() + 30
            while not list(data.glob("outbox/*.eml")) and time.monotonic() < deadline:
                time.sleep(0.05)
            found = [data, *data.rglob("*")]
            assert {"objects", "outbox", "mesh", "projects"} <= {path.name for path in found}
            assert any(path.name.endswith("-wal") for path in found)
            modes = {path: stat.S_IMODE(path.lstat().st_mode) for path in found if path.exists()}
            # What functions are run from is read by users of their own: it is behind the folder above, which
            # opens to its owner alone.
            code = data / "functions"
            wider = {
                path: oct(mode)
                for path, mode in modes.items()
                if mode & 0o077 and not path.is_relative_to(code)
            }
            assert (wider, modes[data], modes[code] & 0o066) == ({}, 0o700, 0)
        finally:
            server.stop()
    finally:
        os.umask(before)
