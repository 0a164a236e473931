"""Files of rows: JSON Lines, and CSV as RFC 4180 has it with nulls told apart from empty text.

A file is written and read one row at a time, so that its size does not matter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, BinaryIO, Final, Literal

import msgspec

from tidewire.core.columns import ColumnRules

Format = Literal["jsonl", "csv"]

SYSTEM_KEYS: Final = ("$id", "$createdAt", "$updatedAt", "$permissions")
"""What every row of a file has besides its columns."""

_DERIVED_ID_LENGTH: Final = 20
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_QUOTED: Final = re.compile(r'[",\r\n]|^$')
_CELL: Final = re.compile(r'(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\Z)')

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_decode_object = msgspec.json.Decoder(dict[str, Any]).decode


class RowFileError(ValueError):
    """A file that cannot be read as rows; the text names the line and, where there is one, the column."""


@dataclass(frozen=True)
class Record:
    """A row of a file."""

    line: int
    """The line that it begins on, counted from 1."""
    lines: int
    """How many lines it takes."""
    end: int
    """Bytes of the file up to its end."""
    fields: dict[str, Any]
    derived_id: str
    """An id for a row that has none: the same each time the same file is read."""


class RowLines:
    """The lines of a file, counted, grouped to records, and bounded."""

    def __init__(self, source: BinaryIO, max_bytes: int, *, line: int = 0, end: int = 0) -> None:
        """``line`` and ``end``: lines and bytes that were read of ``source`` before."""
        self._source = source
        self._max_bytes = max_bytes
        self.line = line
        self.end = end

    def next_record(self, *, quotes: bool) -> tuple[int, bytes]:
        """The first line and the bytes of the next record, which are empty at the end of the file.

        With ``quotes``, line breaks between quotation marks do not end a record. Empty lines are passed over.
        """
        while True:
            content = self._read_line(0)
            first = self.line
            parts, size, open_quote = [content], len(content), content.count(b'"') % 2
            while quotes and open_quote:
                content = self._read_line(size)
                if not content:
                    raise RowFileError(f"line {first}: a quotation mark is not closed.")
                parts.append(content)
                size += len(content)
                open_quote ^= content.count(b'"') % 2
            record = b"".join(parts)
            if not record or record.strip():
                return first, record

    def _read_line(self, before: int) -> bytes:
        """The next line of a record that has ``before`` bytes already."""
        line = self._source.readline(self._max_bytes + 1)
        if before + len(line) > self._max_bytes:
            raise RowFileError(f"line {self.line + 1}: the row has more than {self._max_bytes} bytes.")
        self.line += bool(line)
        self.end += len(line)
        return line


def read_json_lines(lines: RowLines) -> Iterator[Record]:
    """The rows of a JSON Lines file. Raises :class:`RowFileError`."""
    while (found := lines.next_record(quotes=False))[1]:
        first, content = found
        try:
            fields = _decode_object(content.removeprefix(_BYTE_ORDER_MARK) if first == 1 else content)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise RowFileError(f"line {first}: it is no JSON object: {error}") from None
        yield _record(lines, first, content, fields)


def read_csv_header(lines: RowLines, columns: Mapping[str, ColumnRules]) -> list[str]:
    """The keys that the first line names. Raises :class:`RowFileError`."""
    first, content = lines.next_record(quotes=True)
    if not content:
        raise RowFileError("line 1: it is to name the columns, but the file is empty.")
    keys = [text or "" for text in _cells(first, content.removeprefix(_BYTE_ORDER_MARK))]
    for number, key in enumerate(keys, start=1):
        if key not in columns and not key.startswith("$"):
            raise RowFileError(f'line {first}, cell {number}: the table has no column "{key[:64]}".')
        if key in keys[: number - 1]:
            raise RowFileError(f'line {first}, cell {number}: the column "{key}" is there twice.')
    return keys


def read_csv(lines: RowLines, keys: Sequence[str], columns: Mapping[str, ColumnRules]) -> Iterator[Record]:
    """The rows of a CSV file after its first line. Raises :class:`RowFileError`."""
    while (found := lines.next_record(quotes=True))[1]:
        first, content = found
        cells = _cells(first, content)
        if len(cells) != len(keys):
            raise RowFileError(f"line {first}: it has {len(cells)} cells, but the first line {len(keys)}.")
        fields: dict[str, Any] = {}
        for key, text in zip(keys, cells, strict=True):
            try:
                fields[key] = None if text is None else _value(columns.get(key), key, text)
            except ValueError as error:
                raise RowFileError(f'line {first}, column "{key}": {error}') from None
        yield _record(lines, first, content, fields)


def json_line(fields: Mapping[str, Any]) -> bytes:
    """A row as a line of JSON."""
    return _encode(fields) + b"\n"


def csv_line(values: Sequence[Any]) -> bytes:
    """Values as a line of CSV: null is nothing at all, empty text is two quotation marks."""
    return (",".join(map(_cell, values)) + "\r\n").encode()


def _record(lines: RowLines, first: int, content: bytes, fields: dict[str, Any]) -> Record:
    digest = sha256(b"%d:" % first + content.rstrip(b"\r\n")).hexdigest()
    return Record(first, lines.line - first + 1, lines.end, fields, digest[:_DERIVED_ID_LENGTH])


def _cells(line: int, content: bytes) -> list[str | None]:
    """The cells of a record; None for one in which nothing stands."""
    try:
        text = content.decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise RowFileError(f"line {line}: it is not UTF-8: {error.reason}.") from None
    cells: list[str | None] = []
    place, more = 0, True
    while more:
        found = _CELL.match(text, place)
        if found is None:
            raise RowFileError(f"line {line}, cell {len(cells) + 1}: a quotation mark is out of place.")
        quoted, plain, separator = found.groups()
        cells.append(plain or None if quoted is None else quoted.replace('""', '"'))
        place, more = found.end(), separator == ","
    return cells


def _value(rules: ColumnRules | None, key: str, text: str) -> Any:
    """What a cell that is not empty says. Raises ValueError."""
    if rules is None:
        return _json(text) if key == "$permissions" else text
    return _json(text) if rules.array else _READ.get(rules.kind.storage, _json)(text)


def _boolean(text: str) -> bool:
    if text.lower() not in {"true", "false"}:
        raise ValueError("it must be true or false.")
    return text.lower() == "true"


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("it must be an integer.") from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError("it must be a number.") from None


def _json(text: str) -> Any:
    try:
        return _decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise ValueError(f"it must be JSON: {error}") from None


_READ: Final[Mapping[str, Callable[[str], Any]]] = {
    "text": str,
    "time": str,
    "boolean": _boolean,
    "integer": _integer,
    "float": _number,
}
"""How a cell is read, by the storage of its column; all others are JSON."""


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else _encode(value).decode()
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text
