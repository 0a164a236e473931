"""``tidewire db import``: a file of rows into a table, a transaction for each step."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Final

import click
import msgspec

from tidewire.cli.options import fail
from tidewire.cli.tables import STANDARD, Named, format_of, progress_bar, with_table
from tidewire.core.errors import TidewireError
from tidewire.core.row_files import (
    Format,
    Record,
    RowFileError,
    RowLines,
    read_csv,
    read_csv_header,
    read_json_lines,
)
from tidewire.services.databases.row_transfer import (
    NewRow,
    TransferTable,
    forget_note,
    read_note,
    rules_of,
    write_rows,
)
from tidewire.settings import Settings
from tidewire.store.user_tables.tables import DOCUMENT, UserTable

STEP_ROWS: Final = 200
STEP_BYTES: Final = 1 << 18
"""Bytes of the rows of one transaction, during which other writers wait."""


class _Reached(msgspec.Struct):
    """How far the import of a file has come; kept in the database, written with the rows themselves."""

    size: int
    modified: int
    """Nanoseconds; a file that was changed is read from its beginning."""
    lines: int = 0
    bytes: int = 0


def import_rows(
    settings: Settings,
    named: Named,
    path: str,
    given_format: str | None,
    *,
    silent: bool,
    relate: bool,
    max_row_bytes: int,
) -> None:
    """Create the rows of a file, change those that are there, or go on where an import of it ended early."""
    file_format = format_of(path, given_format)
    name = "standard input" if path == STANDARD else path

    async def work(place: TransferTable, table: UserTable) -> None:
        if file_format == "csv" and DOCUMENT in table.columns:
            fail("documents without a schema have no columns: import them from jsonl", code=2)
        bringing = _Import(place, table, source, "" if path == STANDARD else path, silent, relate)
        try:
            counts = await bringing.run(file_format, max_row_bytes)
        except RowFileError as error:
            fail(f"{name}, {error}")
        except TidewireError as error:
            fail(f"{name}, {error.message}" if error.message.startswith("line ") else error.message)
        new, changed, same = (counts[outcome] for outcome in ("created", "changed", "unchanged"))
        click.echo(
            f"imported {counts.total():,} rows: {new:,} created, {changed:,} changed, {same:,} as they were",
            err=True,
        )

    try:
        with nullcontext(sys.stdin.buffer) if path == STANDARD else Path(path).open("rb") as source:
            with_table(settings, named, work)
    except OSError as error:
        fail(str(error))


class _Import:
    """One file on its way into one table."""

    def __init__(
        self, place: TransferTable, table: UserTable, source: BinaryIO, path: str, silent: bool, relate: bool
    ) -> None:
        """``path`` is empty for what cannot be read again, such as a pipe."""
        self._place = place
        self._table = table
        self._source = source
        self._silent = silent
        self._relate = relate
        self._reached = _Reached(0, 0)
        self._note = ""
        if path:
            status = os.fstat(source.fileno())
            self._reached = _Reached(status.st_size, status.st_mtime_ns)
            digest = sha256(str(Path(path).resolve()).encode(errors="surrogateescape")).hexdigest()
            self._note = f"import.{table.sequence}.{digest[:32]}"

    async def run(self, file_format: Format, max_row_bytes: int) -> Counter[str]:
        """Write every row; return how many were created, changed, and left as they were."""
        await self._recall()
        counts: Counter[str] = Counter()
        with progress_bar() as progress:
            task = progress.add_task("importing", total=self._reached.size or None, rows=0)
            for step in _steps(self._records(file_format, max_row_bytes)):
                self._reached.lines = step[-1].line + step[-1].lines - 1
                self._reached.bytes = step[-1].end
                counts.update(await self._write(step))
                progress.update(task, completed=self._reached.bytes, rows=counts.total())
        if self._note:
            await forget_note(self._place, self._note)
        return counts

    async def _recall(self) -> None:
        """Find how far this very file was read before, and say so."""
        found = await read_note(self._place, self._note) if self._note else None
        reached = msgspec.json.decode(found, type=_Reached) if found else None
        here = self._reached
        if reached is not None and (reached.size, reached.modified) == (here.size, here.modified):
            self._reached = reached
            click.echo(f"going on after line {reached.lines:,}", err=True)

    def _records(self, file_format: Format, max_row_bytes: int) -> Iterator[Record]:
        rules = rules_of(self._table)
        lines = RowLines(self._source, max_row_bytes)
        header = read_csv_header(lines, rules) if file_format == "csv" else []
        if self._reached.bytes:
            self._source.seek(self._reached.bytes)
            lines = RowLines(self._source, max_row_bytes, line=self._reached.lines, end=self._reached.bytes)
        return read_csv(lines, header, rules) if file_format == "csv" else read_json_lines(lines)

    async def _write(self, step: Sequence[Record]) -> list[str]:
        rows = [NewRow(f"line {record.line}", _id_of(record), record.fields) for record in step]
        note = (self._note, msgspec.json.encode(self._reached).decode()) if self._note else None
        return list(await write_rows(self._place, rows, silent=self._silent, relate=self._relate, note=note))


def _steps(records: Iterator[Record]) -> Iterator[list[Record]]:
    """The records in groups, each of which is written in one transaction."""
    step: list[Record] = []
    for record in records:
        step.append(record)
        if len(step) == STEP_ROWS or record.end - step[0].end > STEP_BYTES:
            yield step
            step = []
    if step:
        yield step


def _id_of(record: Record) -> str:
    row_id = record.fields.get("$id")
    if row_id is None:
        return record.derived_id
    if not isinstance(row_id, str):
        raise RowFileError(f'line {record.line}, column "$id": it must be text.')
    return row_id
