"""``tidewire db export`` and ``db import``: rows out and in again, whatever ends the program in between."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import pytest
from click.testing import CliRunner, Result

from tests.cli.test_realtime import COMMAND, Listener
from tests.services.databases.library import Library
from tests.services.databases.shop import Shop, column
from tests.services.world import World
from tests.support.server import TidewireServer
from tidewire.cli import main

DEADLINE_SECONDS = 60
KINDS: dict[str, dict[str, Any]] = {
    "name": {"kind": "varchar", "default": "nobody"},
    "secret": {"kind": "varchar", "size": 150, "encrypt": True},
    "colour": {"kind": "enum", "elements": ["red", "blue, or so"]},
    "mail": {"kind": "email"},
    "count": {"kind": "bigint"},
    "price": {"kind": "float"},
    "done": {"kind": "boolean"},
    "due": {"kind": "datetime"},
    "tags": {"kind": "varchar", "array": True},
    "days": {"kind": "datetime", "array": True},
    "spot": {"kind": "point"},
    "area": {"kind": "polygon"},
}
COLUMNS = [column(key, **given) for key, given in KINDS.items()]
ROWS: list[dict[str, Any]] = [
    {
        "$id": "full",
        "$createdAt": "2001-02-03T04:05:06.789+00:00",
        "$updatedAt": "2002-02-03T04:05:06.789+00:00",
        "$permissions": ['read("any")', 'update("user:ann")'],
        "name": 'a "quoted", \r\nname; ü €',
        "secret": "well kept",
        "colour": "blue, or so",
        "mail": "a@example.com",
        "count": -(2**63),
        "price": 0.1,
        "done": False,
        "due": "1969-12-31T23:59:59.999+00:00",
        "tags": ["", 'x"y', "null"],
        "days": ["2030-01-01T00:00:00.000+00:00"],
        "spot": [-12.5, 48],
        "area": [[[0, 0], [4, 0], [4, 4], [0, 0]]],
    },
    {"$id": "empty", "$permissions": [], "name": "", "tags": []},
    {"$id": "default", "price": 3},
]


class Tables:
    """A data directory with a project whose database ``d`` has tables, and the command on it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def run(self, work: Callable[[Shop], Any]) -> None:
        """Do something in a database ``d``, which is made."""

        async def call() -> None:
            world = await World.open(self.directory)
            try:
                shop = Shop(world) if world.directory.joinpath("made").exists() else await Shop.open(world)
                world.directory.joinpath("made").touch()
                await work(shop)
            finally:
                await world.close()

        asyncio.run(call())

    def command(self, *arguments: str, table: str = "t") -> list[str]:
        options = ["--project", "p1", "--database", "d", "--table", table]
        program = [*COMMAND, "db", arguments[0], *options, "--data-dir", str(self.directory)]
        return [*program, *arguments[1:]]

    def run_here(self, *arguments: str, table: str = "t", given: bytes = b"") -> Result:
        """The command in this process, where it takes no time to start."""
        program = self.command(*arguments, table=table)[3:]
        # Loggers keep the stream that they are given first, and this one ends with the command.
        with patch("tidewire.cli.instance.configure_logging"):
            return CliRunner().invoke(main, program, input=given)

    def done(self, *arguments: str, table: str = "t", given: bytes = b"") -> Result:
        result = self.run_here(*arguments, table=table, given=given)
        assert result.exit_code == 0, result.stderr
        return result

    def refused(self, *arguments: str) -> str:
        """What the command says that fails."""
        result = self.run_here(*arguments)
        assert result.exit_code in {1, 2}
        assert isinstance(result.exception, SystemExit)
        return result.stderr

    def exported(self, table: str = "t") -> list[dict[str, Any]]:
        lines = self.done("export", "-", table=table).stdout_bytes.splitlines()
        return [json.loads(line) for line in lines]

    def scalar(self, query: str) -> int:
        """A number out of the project's database; 0 while it is locked."""
        path = self.directory / "projects" / "p1" / "database.sqlite3"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            with suppress(sqlite3.OperationalError):
                return int(connection.execute(query).fetchone()[0])
            return 0

    def events(self) -> int:
        """Events of rows in the log."""
        return self.scalar("select count(*) from event_log where pattern like '%.rows.%'")


@pytest.fixture
def tables(tmp_path: Path) -> Tables:
    return Tables(tmp_path / "data")


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def write_lines(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    with path.open("w") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_rows_come_back_as_they_were(tables: Tables, tmp_path: Path, suffix: str) -> None:
    async def make(shop: Shop) -> None:
        for table_id in ("t", "copy"):
            await shop.table(COLUMNS, table_id=table_id, row_security=True)
        await shop.fill(*ROWS)
        # A null where there is a default is kept, too.
        await shop.update("default", name=None)

    tables.run(make)
    file, again = tmp_path / f"rows.{suffix}", tmp_path / f"again.{suffix}"
    assert b"exported 3 rows" in tables.done("export", str(file)).stderr_bytes
    assert file.stat().st_mode & 0o777 == 0o600
    assert (
        b"3 created, 0 changed, 0 as they were" in tables.done("import", str(file), table="copy").stderr_bytes
    )
    tables.done("export", str(again), table="copy")
    assert again.read_bytes() == file.read_bytes()
    rows = tables.exported("copy")
    assert rows[0] == ROWS[0]
    assert (rows[1]["name"], rows[1]["tags"], rows[1]["secret"]) == ("", [], None)
    assert (rows[2]["name"], rows[2]["price"]) == (None, 3)
    assert tables.scalar("select count(*) from t2_readers") == 1

    before = tables.events()
    assert (
        b"0 created, 0 changed, 3 as they were" in tables.done("import", str(file), table="copy").stderr_bytes
    )
    assert tables.events() == before
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted(["data", file.name, again.name])


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_related_rows_come_back_by_their_ids(tables: Tables, tmp_path: Path, suffix: str) -> None:
    async def make(shop: Shop) -> None:
        library = Library(shop)
        for table_id in ("t", "labels"):
            await library.table(table_id)
        await library.relate("t", "t", "manyToOne", "above", back="below")
        await library.relate("t", "labels", "manyToMany", "labels")
        await library.relate("labels", "t", "oneToMany", "best")
        for label in ("x", "y"):
            await library.create("labels", label)
        await library.create("t", "a", labels=["x", "y"])
        await library.create("t", "b", above="a")
        await library.update("t", "a", above="b")
        await library.update("labels", "y", best=["a", "b"])

    async def empty(shop: Shop) -> None:
        library = Library(shop)
        for row_id in ("a", "b"):
            await library.update("t", row_id, above=None)
            await library.delete("t", row_id)
        await library.delete("labels", "y")

    tables.run(make)
    files = {table: str(tmp_path / f"{table}.{suffix}") for table in ("t", "labels")}
    for table, file in files.items():
        tables.done("export", file, table=table)
    before = {table: tables.exported(table) for table in files}
    assert [(row["above"], row["labels"]) for row in before["t"]] == [("b", ["x", "y"]), ("a", [])]
    assert [row["best"] for row in before["labels"]] == [[], ["a", "b"]]
    assert "below" not in before["t"][0]
    tables.run(empty)
    # Rows that name each other: first the rows, then what they name.
    for options in (["--no-relationships"], []):
        # The labels name rows of the other table, which are changed by that.
        for table in ("labels", "t"):
            tables.done("import", files[table], *options, table=table)
    assert {
        table: sorted(tables.exported(table), key=lambda row: str(row["$id"])) for table in files
    } == before
    assert b"0 changed, 2 as they were" in tables.done("import", files["t"]).stderr_bytes


def test_through_pipes(tables: Tables) -> None:
    async def make(shop: Shop) -> None:
        for table_id in ("t", "copy"):
            await shop.table([column("a", "integer")], table_id=table_id)
        await shop.fill(*({"$id": f"r{number}", "a": number} for number in range(300)))

    tables.run(make)
    content = tables.done("export", "-", "--format", "csv").stdout_bytes
    tables.done("import", "-", "--format", "csv", table="copy", given=content)
    assert tables.exported("copy") == tables.exported()


def test_an_import_that_is_killed_goes_on(tables: Tables, tmp_path: Path) -> None:
    count = 3000

    async def make(shop: Shop) -> None:
        await shop.table([column("a", "integer"), column("s", "varchar")])

    def reached(process: subprocess.Popen[bytes], goal: int) -> bool:
        return tables.scalar("select count(*) from t1") >= goal or process.poll() is not None

    tables.run(make)
    file = tmp_path / "rows.jsonl"
    # Every third row has an id of its own.
    write_lines(
        file,
        (
            {"a": number, "s": "x" * 80, **({} if number % 3 else {"$id": f"r{number}"})}
            for number in range(count)
        ),
    )
    kills = 0
    for goal in (1, count // 3, 2 * count // 3):
        with subprocess.Popen(tables.command("import", str(file)), stderr=subprocess.PIPE) as process:
            wait_for(partial(reached, process, goal))
            kills += process.poll() is None
            process.kill()
    assert kills
    assert 0 < tables.scalar("select count(*) from t1") < count
    assert b"going on after line" in tables.done("import", str(file)).stderr_bytes

    rows = tables.exported()
    assert [row["a"] for row in rows] == list(range(count))
    assert len({row["$id"] for row in rows}) == count
    assert all(row["$id"] == f"r{row['a']}" for row in rows[::3])
    assert tables.events() == count
    assert b"0 created, 0 changed" in tables.done("import", str(file)).stderr_bytes
    assert tables.exported() == rows


def test_an_export_that_is_killed_goes_on(tables: Tables, tmp_path: Path) -> None:
    async def make(shop: Shop) -> None:
        await shop.table([column("s", "text")])

    tables.run(make)
    source, file = tmp_path / "source.jsonl", tmp_path / "rows.jsonl"
    write_lines(source, ({"$id": f"r{number}", "s": str(number) * 5000} for number in range(1000)))
    tables.done("import", str(source), "--silent")
    whole = tables.done("export", "-").stdout_bytes
    note = tmp_path / "rows.jsonl.part.json"
    for _ in range(20):
        with subprocess.Popen(tables.command("export", str(file)), stderr=subprocess.PIPE) as process:
            wait_for(lambda: note.exists() or process.poll() is not None)
            process.kill()
        if not file.exists():
            break
        file.unlink()
    assert json.loads(note.read_bytes())["rows"] > 0
    # What was written after the last note may end in the middle of a row.
    with (tmp_path / "rows.jsonl.part").open("ab") as part:
        part.write(b'{"$id":"r')
    tables.done("export", str(file))
    assert file.read_bytes() == whole
    assert not note.exists()


def test_silent_imports_write_no_events(tables: Tables, tmp_path: Path) -> None:
    async def make(shop: Shop) -> None:
        await shop.table([column("a", "integer")])

    tables.run(make)
    file = tmp_path / "rows.jsonl"
    file.write_text('{"$id":"r","a":1}\n')
    tables.done("import", str(file), "--silent")
    assert tables.events() == 0
    file.write_text('{"$id":"r","a":2}\n')
    assert b"1 changed" in tables.done("import", str(file)).stderr_bytes
    assert tables.events() == 1
    assert [row["a"] for row in tables.exported()] == [2]


def test_what_is_wrong_is_located(tables: Tables, tmp_path: Path) -> None:
    async def make(shop: Shop) -> None:
        await shop.table([column("a", "integer", required=True, max=9)])

    tables.run(make)
    file = tmp_path / "rows.jsonl"
    for content, problem in {
        '{"a":1}\n{"a":10}': f'{file}, line 2: Invalid row structure: The column "a" has an invalid value',
        '{"a":1}\n{"b":1}': 'line 2: Invalid row structure: Unknown column: "b"',
        '{"a":1}\n{}': 'line 2: Invalid row structure: The column "a" needs a value',
        '{"a":1,"$permissions":["read(any)"]}': "line 1: Invalid `$permissions`",
        '{"a":1,"$id":"no id"}': "line 1: Invalid `$id`",
        '{"a":1,"$id":7}': 'line 1, column "$id": it must be text',
        '{"a":1,"$createdAt":"then"}': "line 1: Invalid row structure: $createdAt",
        '{"a":1}\n{"a"': f"{file}, line 2: it is no JSON object",
    }.items():
        file.write_text(content)
        assert problem in tables.refused("import", str(file))
    file.write_text("colour\n1\n")
    assert "line 1, cell 1: the table has no column" in tables.refused("import", str(file), "--format", "csv")
    assert "No such file" in tables.refused("import", str(tmp_path / "none"))
    assert "There is no table" in tables.refused("import", str(file), "--table", "none")
    assert "no project 'none'" in tables.refused("export", "-", "--project", "none")
    assert "There is no database" in tables.refused("export", "-", "--database", "none")
    assert tables.exported() == []


def test_memory_does_not_follow_the_size(tables: Tables, tmp_path: Path) -> None:
    async def make(shop: Shop) -> None:
        for table_id in ("small", "large"):
            await shop.table([column("s", "text")], table_id=table_id)

    tables.run(make)
    used: dict[tuple[str, str], int] = {}
    for table, count in (("small", 20), ("large", 2500)):
        file = tmp_path / f"{table}.jsonl"
        write_lines(file, ({"s": f"{number:05}" * 2000} for number in range(count)))
        out = str(tmp_path / f"{table}.csv")
        for command in (["import", str(file), "--silent"], ["export", out]):
            process = subprocess.Popen(tables.command(*command, table=table), stderr=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            assert process.returncode == 0
            used[command[0], table] = usage.ru_maxrss * 1024
    size = (tmp_path / "large.jsonl").stat().st_size
    assert size > 25_000_000
    for name in ("import", "export"):
        assert used[name, "large"] - used[name, "small"] < size / 2


def test_a_running_server_tells_its_subscribers(server: TidewireServer, api_key: str) -> None:
    headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": api_key}
    with httpx.Client(base_url=server.endpoint, headers=headers, timeout=60) as rest:
        database = rest.post("/tablesdb", json={"databaseId": "unique()", "name": "d"}).json()["$id"]
        path = f"/tablesdb/{database}"
        columns = [column("a", "integer")]
        table = {"tableId": "t", "name": "t", "permissions": ['read("any")'], "columns": columns}
        assert rest.post(f"{path}/tables", json=table).status_code == 201
        rows = f"databases.{database}.tables.t.rows"
        listener = Listener(server, rows, "--json", "--count", "2")
        program = [*COMMAND, "db", "import", "-", "--database", database, "--table", "t"]
        subprocess.run(
            [*program, "--project", server.project, "--data-dir", str(server.data_dir)],
            input=b'{"$id":"one","a":1}\n{"$id":"two","a":2}\n',
            check=True,
            capture_output=True,
        )
        # The server itself commits nothing meanwhile.
        events = [json.loads(line) for line in listener.output().splitlines()]
        assert rest.get(f"{path}/tables/t/rows/two").json()["a"] == 2
        rest.delete(path)
    assert [(event["payload"]["$id"], event["payload"]["a"]) for event in events] == [("one", 1), ("two", 2)]
    assert f"tablesdb.{database}.tables.t.rows.one.create" in events[0]["events"]
