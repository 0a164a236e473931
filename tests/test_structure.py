"""What stands where: rules of the house that imports alone do not show."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

import tidewire

ROOT: Final = Path(tidewire.__file__).parent
OF_SQLITE: Final = re.compile(r"\b(PRAGMA|json_each|json_tree|rowid|fts5|sqlite3|data_version)\b")


def modules() -> dict[str, str]:
    return {str(path.relative_to(ROOT)): path.read_text() for path in ROOT.rglob("*.py")}


def test_only_the_sqlite_engine_speaks_of_sqlite() -> None:
    found = {name for name, text in modules().items() if OF_SQLITE.search(text)}
    assert found
    assert [name for name in sorted(found) if not name.startswith("store/engine/sqlite/")] == []


@pytest.mark.parametrize("room", ["store"])
def test_nothing_is_imported_for_types_only(room: str) -> None:
    guarded = [name for name, text in modules().items() if "TYPE_CHECKING" in text]
    assert [name for name in guarded if name.startswith(f"{room}/")] == []


def test_nothing_lies_in_the_drivers_dictionary() -> None:
    assert [name for name, text in modules().items() if re.search(r"onnection\.info\b", text)] == []
