"""``tidewire db export``: the rows of a table as a file, a step at a time."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

import click
import msgspec

from tidewire.cli.options import fail
from tidewire.cli.tables import STANDARD, Named, format_of, progress_bar, with_table
from tidewire.core.row_files import SYSTEM_KEYS, Format, csv_line, json_line
from tidewire.services.databases.row_transfer import TransferTable, count_rows, exported_keys, read_rows
from tidewire.settings import Settings
from tidewire.store.user_tables.tables import DOCUMENT, UserTable

STEP_BYTES: Final = 1 << 20
"""Bytes that are read from the table at a time, roughly."""
_STEP_ROWS: Final = 1000


class _Reached(msgspec.Struct):
    """How far an export has come; kept beside its file, in case it ends early."""

    project: str
    table: int
    """The sequence of the table, which no other table ever has."""
    format: Format
    columns: list[str]
    after: int = 0
    rows: int = 0
    bytes: int = 0


class _File:
    """A file in the making: ``FILE.part`` and how far it is, made ``FILE`` when it is complete."""

    def __init__(self, path: Path, begun: _Reached) -> None:
        self._path = path
        self._part = path.with_name(path.name + ".part")
        self._note = path.with_name(path.name + ".part.json")
        self.reached = self._reached_before(begun) or begun
        self.output: BinaryIO = os.fdopen(os.open(self._part, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
        self.output.truncate(self.reached.bytes)
        self.output.seek(self.reached.bytes)

    def note(self) -> None:
        """Keep how far it is; what is written after that is dropped if it is gone on with."""
        self.output.flush()
        self.reached.bytes = self.output.tell()
        fresh = self._note.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(self.reached))
        fresh.replace(self._note)

    def finish(self) -> None:
        """Complete the file, once everything is written."""
        self.output.flush()
        os.fsync(self.output.fileno())
        self.output.close()
        self._part.replace(self._path)
        self._note.unlink(missing_ok=True)

    def _reached_before(self, begun: _Reached) -> _Reached | None:
        try:
            found = msgspec.json.decode(self._note.read_bytes(), type=_Reached)
            size = self._part.stat().st_size
        except (OSError, msgspec.DecodeError):
            return None
        same = (found.project, found.table, found.format, found.columns) == (
            begun.project,
            begun.table,
            begun.format,
            begun.columns,
        )
        return found if same and size >= found.bytes else None


class _Stream:
    """Standard output."""

    def __init__(self, begun: _Reached) -> None:
        self.reached = begun
        self.output: BinaryIO = sys.stdout.buffer

    def note(self) -> None:
        self.output.flush()

    def finish(self) -> None:
        self.output.flush()


def export_rows(settings: Settings, named: Named, path: str, given_format: str | None) -> None:
    """Write all rows of a table to ``path``, or go on where an export to it ended early."""
    file_format = format_of(path, given_format)

    async def work(place: TransferTable, table: UserTable) -> None:
        if file_format == "csv" and DOCUMENT in table.columns:
            fail("documents without a schema have no columns: export them as jsonl", code=2)
        begun = _Reached(named.project, table.sequence, file_format, exported_keys(table))
        target = _Stream(begun) if path == STANDARD else _File(Path(path), begun)
        await _export(place, target)
        with suppress(BrokenPipeError):
            click.echo(f"exported {target.reached.rows:,} rows", err=True)

    with_table(settings, named, work)


async def _export(place: TransferTable, target: _File | _Stream) -> None:
    reached = target.reached
    keys = [*SYSTEM_KEYS, *reached.columns]
    if reached.format == "csv" and not reached.bytes:
        target.output.write(csv_line(keys))
    limit = 100
    with progress_bar() as progress:
        task = progress.add_task("exporting", total=await count_rows(place), rows=reached.rows)
        while True:
            rows, reached.after = await read_rows(place, reached.columns, reached.after, limit)
            size = 0
            for row in rows:
                line = json_line(row) if reached.format == "jsonl" else csv_line([row[key] for key in keys])
                target.output.write(line)
                size += len(line)
            reached.rows += len(rows)
            target.note()
            progress.update(task, completed=reached.rows, rows=reached.rows)
            if not rows:
                break
            limit = max(1, min(_STEP_ROWS, len(rows) * STEP_BYTES // size))
    target.finish()
