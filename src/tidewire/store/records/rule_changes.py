"""Functions whose rules are to follow them, noted in a project's database.

Rules are in the instance's database, which no transaction of a project reaches. So a change of a function
that concerns its rules leaves a note in its own transaction, which stays until the rules have followed.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import delete, select

from tidewire.core.ids import unique_id
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.prepared_statements import Prepared
from tidewire.store.engine.state import write_state
from tidewire.store.schema import state

_BEFORE_ID: Final = "rules of "
_AFTER_ALL: Final = "rules of!"
"""The name after those of all notes."""
_ALL: Final = Prepared(
    select(state.c.name, state.c.value).where(state.c.name >= _BEFORE_ID, state.c.name < _AFTER_ALL)
)


def note_rules(connection: Connection, function_id: str) -> None:
    """Have the rules of a function follow it."""
    write_state(connection, _BEFORE_ID + function_id, unique_id())


def noted_rules(connection: Connection) -> dict[str, str]:
    """The note of each function whose rules are to follow, by the function's id."""
    return {name.removeprefix(_BEFORE_ID): note for name, note in _ALL.fetch(connection, {})}


def drop_note(connection: Connection, function_id: str, note: str) -> bool:
    """Drop a note, unless there is another one now; whether this was the one."""
    own = (state.c.name == _BEFORE_ID + function_id) & (state.c.value == note)
    return connection.execute(delete(state).where(own)).rowcount > 0
