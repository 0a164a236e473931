"""What stands where: rules of the house that imports alone do not show."""

from __future__ import annotations

import re
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Final

import grimp

import tidewire

ROOT: Final = Path(tidewire.__file__).parent
OF_SQLITE: Final = re.compile(r"\b(PRAGMA|json_each|json_tree|rowid|fts5|sqlite3|data_version)\b")


def modules() -> dict[str, str]:
    return {str(path.relative_to(ROOT)): path.read_text() for path in ROOT.rglob("*.py")}


def test_only_the_sqlite_engine_speaks_of_sqlite() -> None:
    found = {name for name, text in modules().items() if OF_SQLITE.search(text)}
    assert found
    assert [name for name in sorted(found) if not name.startswith("store/engine/sqlite/")] == []


def test_only_the_store_writes_statements() -> None:
    found = {name for name, text in modules().items() if re.search(r"exec_driver_sql|\bSAVEPOINT\b", text)}
    assert found
    assert [name for name in sorted(found) if not name.startswith("store/")] == []


def test_imports_make_no_circle() -> None:
    graph = grimp.build_graph("tidewire", cache_dir=None)
    imported = {each: graph.find_modules_directly_imported_by(each) for each in graph.modules}
    TopologicalSorter(imported).prepare()  # raises CycleError, which names the modules


def test_nothing_of_the_house_is_imported_for_types_only() -> None:
    guarded = re.compile(r"if TYPE_CHECKING:\n(?:    .*\n|\n)*?    from tidewire")
    assert [name for name, text in modules().items() if guarded.search(text)] == []


def test_nothing_lies_in_the_drivers_dictionary() -> None:
    assert [name for name, text in modules().items() if re.search(r"onnection\.info\b", text)] == []
