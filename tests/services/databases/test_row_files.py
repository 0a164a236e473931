"""Files of rows: what is written is read again, and what is wrong is named."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewire.core.columns import KINDS, ColumnRules
from tidewire.core.row_files import (
    Record,
    RowFileError,
    RowLines,
    csv_line,
    json_line,
    read_csv,
    read_csv_header,
    read_json_lines,
)

COLUMNS = {
    "text": ColumnRules(KINDS["text"]),
    "whole": ColumnRules(KINDS["integer"]),
    "number": ColumnRules(KINDS["float"]),
    "flag": ColumnRules(KINDS["boolean"]),
    "tags": ColumnRules(KINDS["varchar"], array=True, size=100),
    "place": ColumnRules(KINDS["point"]),
}
_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "$permissions": st.lists(st.sampled_from(['read("any")', 'update("user:a")'])),
            "text": st.none() | _TEXT,
            "whole": st.none() | st.integers(-(2**63), 2**63 - 1),
            "number": st.none() | st.floats(allow_nan=False, allow_infinity=False),
            "flag": st.none() | st.booleans(),
            "tags": st.none() | st.lists(_TEXT),
            "place": st.none() | st.tuples(st.integers(-90, 90), st.integers(-90, 90)).map(list),
        }
    )
)
KEYS = ["$permissions", *COLUMNS]


def read(content: bytes, *, csv: bool, maximum: int = 1_000_000) -> list[Record]:
    lines = RowLines(BytesIO(content), maximum)
    if not csv:
        return list(read_json_lines(lines))
    return list(read_csv(lines, read_csv_header(lines, COLUMNS), COLUMNS))


@given(ROWS)
def test_what_is_written_is_read(rows: list[dict[str, Any]]) -> None:
    as_json = b"".join(json_line(row) for row in rows)
    as_csv = csv_line(KEYS) + b"".join(csv_line([row[key] for key in KEYS]) for row in rows)
    for content, csv in ((as_json, False), (as_csv, True)):
        records = read(content, csv=csv)
        assert [record.fields for record in records] == rows
        if records:
            assert records[-1].end == len(content)
            last = records[-1]
            assert last.line + last.lines - 1 == content.count(b"\n")


def test_null_and_empty_text_differ_in_csv() -> None:
    (row,) = read(b'text,whole,tags\r\n"",,"[""""]"\r\n', csv=True)
    assert row.fields == {"text": "", "whole": None, "tags": [""]}


def test_other_programs_write_csv_so() -> None:
    marked = b'\xef\xbb\xbftext,flag\n\n"a\nb",TRUE\nc,\n'
    assert [(row.line, row.fields) for row in read(marked, csv=True)] == [
        (3, {"text": "a\nb", "flag": True}),
        (5, {"text": "c", "flag": None}),
    ]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"text,colour\n", 'line 1, cell 2: the table has no column "colour"'),
        (b"", "the file is empty"),
        (b"text,text\n", 'line 1, cell 2: the column "text" is there twice'),
        (b"text,whole\na,1\nb\n", "line 3: it has 1 cells, but the first line 2"),
        (b"whole\n1\ntwo\n", 'line 3, column "whole": it must be an integer'),
        (b"text,number\na,1\nb,x\n", 'line 3, column "number": it must be a number'),
        (b"flag\nyes\n", 'line 2, column "flag": it must be true or false'),
        (b"tags\na b\n", 'line 2, column "tags": it must be JSON'),
        (b'text\n"a\n', "line 2: a quotation mark is not closed"),
        (b'text,whole\na"b",1\n', "line 2, cell 1: a quotation mark is out of place"),
        (b"text\n\xff\n", "line 2: it is not UTF-8"),
        (b"text\n" + b"a" * 101, "line 2: the row has more than 100 bytes"),
        (b'text\n"' + b"a\n" * 60, "the row has more than 100 bytes"),
    ],
)
def test_wrong_csv_is_located(content: bytes, problem: str) -> None:
    with pytest.raises(RowFileError) as error:
        read(content, csv=True, maximum=100)
    assert problem in str(error.value)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b'{"text":"a"}\n{"text":\n', "line 2: it is no JSON object"),
        (b"[1]\n", "line 1: it is no JSON object"),
        (b'\n{"text":"\xff"}\n', "line 2: it is no JSON object"),
        (b'{"text":"' + b"a" * 100 + b'"}', "line 1: the row has more than 100 bytes"),
    ],
)
def test_wrong_json_is_located(content: bytes, problem: str) -> None:
    with pytest.raises(RowFileError) as error:
        read(content, csv=False, maximum=100)
    assert problem in str(error.value)


def test_rows_without_an_id_get_the_same_one_each_time() -> None:
    content = b'{"text":"a"}\n{"text":"a"}\n{"text":"b"}'
    first, again = (read(content, csv=False) for _ in range(2))
    ids = [record.derived_id for record in first]
    assert len(set(ids)) == 3
    assert ids == [record.derived_id for record in again]
