"""The drill of docs/backup.md on real processes, and backups that are damaged, hostile or incomplete."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.failures.test_restored import (
    events_since,
    recovered_over_a_socket,
    recovered_over_a_stream,
)
from tests.services.functions.project import FunctionsProject
from tests.support.launcher import run_apart
from tests.support.mail_server import mail_server
from tests.support.server import TidewireServer
from tidewire_client import Realtime

ROWS = "/tablesdb/d/tables/t/rows"
FILES = "/storage/buckets/b/files"
ANSWER = "def main(context):\n    return context.res.text('{}')\n"
TIDEWIRE = [sys.executable, "-m", "tidewire"]


def command(*arguments: object, code: int = 0, limit: int | None = None) -> str:
    """Run a command; return what it says, a line for people, never a traceback."""
    words = [str(each) for each in arguments]
    if limit is None:
        done = run_apart(*words)
    else:
        shell = ["sh", "-c", f'ulimit -f {limit}; exec "$@"', "sh"]
        done = subprocess.run([*shell, *TIDEWIRE, *words], capture_output=True, text=True, timeout=120)
    said = done.stdout + done.stderr
    assert done.returncode == code, said
    assert "Traceback" not in said
    return said


def client_of(server: TidewireServer, key: str) -> httpx.AsyncClient:
    headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": key}
    return httpx.AsyncClient(base_url=server.endpoint, headers=headers, timeout=120)


class Guests:
    """Rows and files that a server acknowledged."""

    def __init__(self) -> None:
        self.rows: list[str] = []
        self.files: dict[str, bytes] = {}

    async def write(self, server: TidewireServer, key: str, name: str, count: int | None = None) -> None:
        """Write ``count`` rows and files, or until the server is gone."""
        number = 0
        async with client_of(server, key) as client:
            with suppress(httpx.TransportError):
                while count is None or number < count:
                    number += 1
                    one = f"{name}-{number}"
                    made = await client.post(ROWS, json={"rowId": one, "data": {"text": one * 20}})
                    assert made.status_code == 201, made.text
                    self.rows.append(one)
                    content = os.urandom(3000)
                    sent = {"file": ("a.bin", content)}
                    made = await client.post(FILES, data={"fileId": one}, files=sent)
                    assert made.status_code == 201, made.text
                    self.files[one] = content
                    if number % 3 == 0:  # what is deleted meanwhile must be whole in the backup, or not there
                        await client.delete(f"{FILES}/{one}")
                        del self.files[one]


async def make_places(server: TidewireServer, key: str) -> None:
    async with client_of(server, key) as client:
        for path, data in (
            ("/tablesdb", {"databaseId": "d", "name": "D"}),
            (
                "/tablesdb/d/tables",
                {"tableId": "t", "name": "T", "columns": [{"key": "text", "type": "varchar", "size": 2000}]},
            ),
            ("/storage/buckets", {"bucketId": "b", "name": "B"}),
        ):
            made = await client.post(path, json=data)
            assert made.status_code == 201, made.text


async def readable(server: TidewireServer, key: str) -> tuple[set[str], dict[str, bytes]]:
    """All rows, and all files with their contents: none may be listed that cannot be read."""
    rows: set[str] = set()
    files: dict[str, bytes] = {}
    async with client_of(server, key) as client:
        for path, found in ((ROWS, rows), (FILES, files)):
            cursor: list[str] = []
            while True:
                queries = ['{"method":"limit","values":[100]}', *cursor]
                answer = (await client.get(path, params={"queries[]": queries})).json()
                page = [each["$id"] for each in answer[path.rsplit("/", 1)[1]]]
                found.update(dict.fromkeys(page, b"") if isinstance(found, dict) else page)
                if not page:
                    break
                cursor = [json.dumps({"method": "cursorAfter", "values": [page[-1]]})]
        for name in files:
            answer = await client.get(f"{FILES}/{name}/download")
            assert answer.status_code == 200, answer.text
            files[name] = answer.content
    return rows, files


def objects_of(backup: Path) -> dict[str, int]:
    """The objects in a directory of backups, with their inodes."""
    return {path.name: path.stat().st_ino for path in (backup / "objects").rglob("*") if path.is_file()}


def latest(backup: Path) -> Path:
    return max((backup / "runs").iterdir())


async def test_the_drill(tmp_path: Path) -> None:
    server = TidewireServer(tmp_path / "data", ["--drain-seconds", "0"]).start()
    restored = TidewireServer(tmp_path / "restored", ["--drain-seconds", "0"])
    backup = tmp_path / "backup"
    try:
        key = server.create_key()
        await make_places(server, key)
        before, during = Guests(), Guests()
        await before.write(server, key, "before", 20)
        writing = [asyncio.create_task(during.write(server, key, f"during{each}")) for each in range(4)]

        def back_up() -> str:
            return command("backup", backup, "--data-dir", server.data_dir)

        await asyncio.to_thread(back_up)
        first = objects_of(backup)
        known = list(during.rows)
        known_files = dict(during.files)
        said = await asyncio.to_thread(back_up)
        second = objects_of(backup)
        assert first
        assert first.items() <= second.items()  # they were not written again
        assert f"{len(second) - len(first)} copied now" in said

        received: asyncio.Queue[str] = asyncio.Queue()
        gaps: list[object] = []
        async with Realtime(server.endpoint, server.project, key=key) as realtime:
            follower = realtime.subscribe(
                "files",
                callback=lambda event: received.put_nowait(event.payload["$id"]),
                on_gap=lambda: gaps.append(None),
            )
            await follower.active()
            await received.get()
            place = await events_since(server, key, None)
            server.kill()
            await asyncio.gather(*writing)
            command("restore", backup, "--data-dir", restored.data_dir)
            restored.port = server.port
            restored.start()

            rows, files = await readable(restored, key)
            assert rows >= {*before.rows, *known}
            assert rows <= {*before.rows, *during.rows}
            assert before.files.items() <= files.items()
            # Those of the others are deleted at once.
            kept = {name: known_files[name] for name in known_files if int(name.rpartition("-")[2]) % 3}
            assert kept
            assert kept.items() <= files.items()

            told = await events_since(restored, key, place)
            assert told["recovered"] is False
            assert told["epoch"] != place["epoch"]
            assert await recovered_over_a_socket(restored, key, place) is False
            assert await recovered_over_a_stream(restored, key, place) is False
            async with asyncio.timeout(60):
                while not gaps:  # noqa: ASYNC110 - it is called, not awaited
                    await asyncio.sleep(0.05)
            while not received.empty():
                received.get_nowait()
            await Guests().write(restored, key, "after", 1)
            async with asyncio.timeout(60):
                while await received.get() != "after-1":
                    continue
    finally:
        for each in (server, restored):
            if each.process is not None:
                each.kill()


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[tuple[TidewireServer, str]]:
    """A data directory with a few files, with no server on it, and a key."""
    server = TidewireServer(tmp_path / "data", ["--drain-seconds", "0"]).start()
    key = server.create_key()

    async def fill() -> None:
        await make_places(server, key)
        await Guests().write(server, key, "row", 5)

    asyncio.run(fill())
    server.stop()
    yield server, key
    if server.process is not None:
        server.kill()


Instance = tuple[TidewireServer, str]


def test_a_backup_of_a_killed_server_changes_no_epoch(tmp_path: Path, instance: Instance) -> None:
    server, key = instance
    server.start()
    place = asyncio.run(events_since(server, key, None))
    server.kill()
    command("backup", tmp_path / "backup", "--data-dir", server.data_dir)
    server.start()
    assert asyncio.run(events_since(server, key, place))["epoch"] == place["epoch"]


@pytest.mark.parametrize("form", ["backup", "backup.tar", "backup.tgz"])
def test_every_form_restores_privately(tmp_path: Path, instance: Instance, form: str) -> None:
    server, key = instance
    (server.data_dir / "outbox").mkdir(exist_ok=True)
    mail = server.data_dir / "outbox" / "1700000000000-default-1.eml"
    mail.write_text("To: a@example.com\n\ncode 1\n")
    said = command("backup", tmp_path / form, "--data-dir", server.data_dir)
    assert "1 projects, 4 files (4 copied now)" in said
    restored = TidewireServer(tmp_path / "restored", ["--drain-seconds", "0"])
    os.umask(umask := os.umask(0))
    command("restore", tmp_path / form, "--data-dir", restored.data_dir)
    for top in (tmp_path / form, restored.data_dir):
        for path in [top, *top.rglob("*")]:
            wanted = 0o700 if path.is_dir() else 0o600
            assert path.stat().st_mode & 0o777 == wanted, (path, umask)
    assert (restored.data_dir / "outbox" / mail.name).read_bytes() == mail.read_bytes()
    restored.start()
    try:
        rows, files = asyncio.run(readable(restored, key))
    finally:
        restored.stop()
    assert len(rows) == 5
    assert len(files) == 4


async def test_a_mail_that_waited_is_sent_once_after_the_restore(tmp_path: Path) -> None:
    """It is sealed with a key of ``secrets.json``, which is part of the backup."""
    server = TidewireServer(tmp_path / "data", ["--drain-seconds", "0"])
    restored = TidewireServer(tmp_path / "restored", ["--drain-seconds", "0"])
    common = {"TIDEWIRE_SMTP_HOST": "127.0.0.1", "TIDEWIRE_SMTP_SECURITY": "none"}
    common |= {"TIDEWIRE_SMTP_SENDER": "tide@example.net"}
    server.environment |= common | {"TIDEWIRE_SMTP_PORT": "1"}  # nobody listens there
    try:
        server.start()
        headers = {"X-Appwrite-Project": server.project}
        async with httpx.AsyncClient(base_url=server.endpoint, headers=headers, timeout=60) as guest:
            asked = {"userId": "ada", "email": "ada@example.com"}
            made = await guest.post("/account/tokens/email", json=asked)
            assert made.status_code == 201, made.text
        await asyncio.to_thread(command, "backup", tmp_path / "backup", "--data-dir", server.data_dir)
        server.kill()
        await asyncio.to_thread(command, "restore", tmp_path / "backup", "--data-dir", restored.data_dir)
        async with mail_server() as mails:
            restored.environment |= common | {"TIDEWIRE_SMTP_PORT": str(mails.port)}
            await asyncio.to_thread(restored.start)
            (mail,) = await mails.received(1, seconds=60)
            body = mail.get_body(("plain",))
            assert body is not None
            code = re.search(r"\b\d{6}\b", body.get_content())
            assert code is not None
            async with httpx.AsyncClient(base_url=restored.endpoint, headers=headers, timeout=60) as guest:
                shown = {"userId": "ada", "secret": code[0]}
                assert (await guest.post("/account/sessions/token", json=shown)).status_code == 201
            restored.kill()
            await asyncio.to_thread(restored.start)
            await asyncio.sleep(2)
            assert len(mails.mails) == 1
    finally:
        for each in (server, restored):
            if each.process is not None:
                each.kill()


def test_functions_run_after_the_restore(tmp_path: Path) -> None:
    """Deployments are restored with their sources and what was built of them, one that waited is built."""
    server = TidewireServer(tmp_path / "data", ["--drain-seconds", "0"]).start()
    restored = TidewireServer(tmp_path / "restored", ["--drain-seconds", "0"])
    try:
        with FunctionsProject.of(server) as project:
            function_id = project.deployed(ANSWER.format("before"), execute=["any"])
            domain = {"domain": "run.localhost", "functionId": function_id}
            assert project.post("/proxy/rules/function", **domain)["status"] == "verified"
            deployed = project.get(f"/functions/{function_id}")["deploymentId"]
            code = project.http.get(f"/v1/functions/{function_id}/deployments/{deployed}/download").content
            project.function("waiting", commands="sleep 4")
            waiting = project.upload("waiting", ANSWER.format("waited"))["$id"]
            key = project.http.headers["X-Appwrite-Key"]
        command("backup", tmp_path / "backup", "--data-dir", server.data_dir)
        server.kill()
        command("restore", tmp_path / "backup", "--data-dir", restored.data_dir)
        assert not (restored.data_dir / "functions").exists()
        restored.start()
        with FunctionsProject.of(restored, key) as project:
            assert project.execute(function_id)["responseBody"] == "before"
            again = project.http.get(f"/v1/functions/{function_id}/deployments/{deployed}/download")
            assert again.content == code
            address = f"http://127.0.0.1:{restored.port}"
            assert httpx.get(address, headers={"Host": "run.localhost"}, timeout=60).text == "before"
            assert project.built("waiting", waiting)["status"] == "ready"
            assert project.execute("waiting")["responseBody"] == "waited"
    finally:
        for each in (server, restored):
            if each.process is not None:
                each.kill()


def flip(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 1]))


def test_damage_is_refused_and_puts_nothing_in_place(tmp_path: Path, instance: Instance) -> None:
    server, _ = instance
    place = tmp_path / "restored"
    backup = tmp_path / "backup"
    command("backup", backup, "--data-dir", server.data_dir)
    command("backup", archive := tmp_path / "backup.tar", "--data-dir", server.data_dir)
    command("backup", packed := tmp_path / "backup.tar.gz", "--data-dir", server.data_dir)

    def refused(source: Path, reason: str) -> None:
        said = command("restore", source, "--data-dir", place, code=1)
        assert reason in said
        assert len(said.strip().splitlines()) == 1
        assert not place.exists()
        assert not list(tmp_path.glob(".restored*"))

    stored = next(path for path in (backup / "objects").rglob("*") if path.is_file())
    for path in (stored, latest(backup) / "projects" / "default" / "database.sqlite3"):
        flip(path, path.stat().st_size // 2)
        refused(backup, "is not what its manifest says")
        flip(path, path.stat().st_size // 2)
    content = stored.read_bytes()
    stored.unlink()
    refused(backup, "is missing")
    stored.write_bytes(content)
    flip(archive, 700_000)
    refused(archive, "is not what its manifest says")
    with packed.open("r+b") as file:
        file.truncate(packed.stat().st_size // 2)
    refused(packed, "damaged")
    manifest = latest(backup) / "manifest.json"
    written = json.loads(manifest.read_bytes())
    for change in ({"format": 2, "files": 7}, {"revisions": {"project": "project_9999", "instance": ""}}):
        manifest.write_text(json.dumps(written | change))
        refused(backup, "later Tidewire")
    manifest.write_text(json.dumps(written | {"revisions": {"project": "project_0014", "platform": "p"}}))
    refused(backup, "older than 0.1.0")
    manifest.write_text(json.dumps(written | {"files": {"../../x": {"size": 0, "sha256": ""}}}))
    refused(backup, "damaged")
    manifest.unlink()
    refused(backup, "no backup of Tidewire that is whole")
    refused(tmp_path / "nothing", "No such file")


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    return made


@pytest.mark.parametrize(
    "hostile",
    [
        member("/tmp/escaped"),
        member("projects/../../escaped"),
        member("projects/default/other"),
        member("projects/default/database.sqlite3", tarfile.SYMTYPE, "/etc/passwd"),
        member("secrets.json", tarfile.LNKTYPE, "/etc/passwd"),
        member("outbox/a.eml", tarfile.FIFOTYPE),
        member("objects/default/20200101/" + "0" * 32, tarfile.CHRTYPE),
        member("projects", tarfile.DIRTYPE),
    ],
    ids=lambda each: each.name,
)
def test_members_that_lead_elsewhere_are_refused(tmp_path: Path, hostile: tarfile.TarInfo) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        archive.addfile(hostile, io.BytesIO())
    said = command("restore", tmp_path / "x.tar", "--data-dir", tmp_path / "in" / "restored", code=1)
    assert "is not of a backup" in said
    assert not list((tmp_path / "in").iterdir())


def test_only_an_empty_place_is_restored_to(tmp_path: Path, instance: Instance) -> None:
    server, key = instance
    command("backup", backup := tmp_path / "backup", "--data-dir", server.data_dir)
    assert "is not empty" in command("restore", backup, "--data-dir", server.data_dir, code=1)
    server.start()
    said = command("restore", backup, "--data-dir", server.data_dir, "--replace", code=1)
    assert "is served by process" in said
    server.stop()
    marker = server.data_dir / "mine"
    marker.touch()
    command("restore", backup, "--data-dir", server.data_dir, "--replace")
    (aside,) = tmp_path.glob("data.before-*")
    assert (aside / "mine").exists()
    assert not marker.exists()
    empty = tmp_path / "empty"
    empty.mkdir()
    command("restore", backup, "--data-dir", empty)
    server.start()
    rows, _ = asyncio.run(readable(server, key))
    assert len(rows) == 5


def test_a_damaged_project_holds_nobody_up(tmp_path: Path, instance: Instance) -> None:
    server, _ = instance
    server.command("project", "create", "--project", "other")
    server.command("project", "create", "--project", "gone")
    command("backup", backup := tmp_path / "backup", "--data-dir", server.data_dir)
    other = server.data_dir / "projects" / "other" / "database.sqlite3"
    other.write_bytes(b"no database" + other.read_bytes()[11:])
    shutil.rmtree(server.data_dir / "projects" / "gone")
    stored = next(path for path in (backup / "objects").rglob("*") if path.is_file())
    lost = server.data_dir / stored.relative_to(backup)
    lost.unlink()
    said = command("backup", backup, "--data-dir", server.data_dir, "--keep", "1", code=1)
    assert "not in the backup: projects/other/database.sqlite3" in said
    assert "not in the backup: projects/gone/database.sqlite3" in said
    manifest = json.loads((latest(backup) / "manifest.json").read_bytes())
    assert len(manifest["missing"]) == 2  # the run before has what is lost of the files
    said = command("backup", tmp_path / "x.tar", "--data-dir", server.data_dir, code=1)
    assert f"not in the backup: objects/default/{lost.parent.name}/{lost.name}" in said
    assert "projects/default/database.sqlite3" in manifest["files"]
    runs = sorted((backup / "runs").iterdir())
    assert len(runs) == 2  # the one that has them was not removed
    assert "not in the backup" in command("restore", backup, "--data-dir", tmp_path / "restored")
    command("restore", backup, "--run", runs[0].name, "--data-dir", tmp_path / "whole")
    assert (tmp_path / "whole" / "projects" / "gone" / "database.sqlite3").exists()
    assert "has no run" in command("restore", backup, "--run", "x", "--data-dir", tmp_path / "none", code=1)


def test_old_runs_are_removed_with_what_only_they_have(tmp_path: Path, instance: Instance) -> None:
    server, key = instance
    backup = tmp_path / "backup"
    command("backup", backup, "--data-dir", server.data_dir)
    server.start()

    async def change() -> None:
        async with client_of(server, key) as client:
            assert (await client.delete(f"{FILES}/row-1")).status_code == 204
        await Guests().write(server, key, "later", 1)

    asyncio.run(change())
    server.stop()
    command("backup", backup, "--data-dir", server.data_dir, "--keep", "2")
    assert len(objects_of(backup)) == 5
    command("backup", backup, "--data-dir", server.data_dir, "--keep", "1")
    assert len(objects_of(backup)) == 4
    assert len(list((backup / "runs").iterdir())) == 1
    command("restore", backup, "--data-dir", tmp_path / "restored")


def test_an_interrupted_backup_is_none(tmp_path: Path, instance: Instance) -> None:
    server, _ = instance
    backup = tmp_path / "backup"
    arguments: list[Any] = [*TIDEWIRE, "backup", backup, "--data-dir", server.data_dir]
    making = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
    while making.poll() is None and not list(backup.glob("runs/*.part/projects/*/*")):
        time.sleep(0.001)
    making.send_signal(signal.SIGKILL)
    assert making.wait() == -signal.SIGKILL
    assert list(backup.glob("runs/*.part"))
    said = command("restore", backup, "--data-dir", tmp_path / "restored", code=1)
    assert "no backup of Tidewire that is whole" in said
    command("backup", backup, "--data-dir", server.data_dir)
    assert not list(backup.glob("runs/*.part"))
    command("restore", backup, "--data-dir", tmp_path / "restored")


@pytest.mark.parametrize("form", ["backup", "backup.tar"])
def test_what_cannot_be_written_leaves_no_backup(tmp_path: Path, instance: Instance, form: str) -> None:
    server, _ = instance
    said = command("backup", tmp_path / form, "--data-dir", server.data_dir, code=1, limit=200)
    assert "cannot back up" in said
    assert len(said.strip().splitlines()) == 1
    assert not (tmp_path / "backup.tar").exists()
    assert not list(tmp_path.glob(".backup*"))
    assert not list(tmp_path.glob("backup/runs/*"))
    command("backup", tmp_path / form, "--data-dir", server.data_dir)
    said = command("restore", tmp_path / form, "--data-dir", tmp_path / "restored", code=1, limit=200)
    assert "cannot restore" in said
    assert not (tmp_path / "restored").exists()


def test_backups_take_turns(tmp_path: Path, instance: Instance) -> None:
    server, _ = instance
    arguments: list[Any] = [*TIDEWIRE, "backup", tmp_path / "backup", "--data-dir", server.data_dir]
    both = [subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    said = [each.communicate()[1] for each in both]
    for each, words in zip(both, said, strict=True):
        assert each.returncode == 0 or "another command uses the backups" in words
    assert 0 in [each.returncode for each in both]
    command("restore", tmp_path / "backup", "--data-dir", tmp_path / "restored")
    inside = command("backup", server.data_dir / "backup", "--data-dir", server.data_dir, code=2)
    assert "is in the data directory" in inside
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a").touch()
    said_of = command("backup", tmp_path / "photos", "--data-dir", server.data_dir, code=1)
    assert "holds no backups" in said_of
