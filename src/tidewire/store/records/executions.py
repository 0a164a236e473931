"""Rows of executions, and the queue of those that are to run."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Row, bindparam, delete, func, insert, select, update

from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.engine.prepared_statements import Prepared, PreparedSelect
from tidewire.store.lists.resource_lists import list_rows, resource_list
from tidewire.store.schema import execution_jobs as jobs
from tidewire.store.schema import executions as table

LIST: Final = resource_list(
    table,
    "deploymentId",
    "trigger",
    "status",
    "duration",
    "requestMethod",
    "requestPath",
    "responseStatusCode",
)
STEP: Final = 500
"""Executions that are deleted in one transaction."""

_encode: Final = msgspec.json.Encoder().encode
_BY_ID: Final = select(table).where(table.c.id == bindparam("id"))
_DUE: Final = PreparedSelect(
    select(jobs)
    .where(jobs.c.begun.is_(False), jobs.c.due_at <= bindparam("moment"))
    .order_by(jobs.c.due_at, jobs.c.execution_sequence)
    .limit(1)
)
_NEXT: Final = Prepared(select(func.min(jobs.c.due_at)).where(jobs.c.begun.is_(False)))
_WAITING: Final = Prepared(select(func.count()).where(jobs.c.due_at <= bindparam("moment")))
_SCHEDULED: Final = Prepared(select(func.count()).where(jobs.c.due_at > bindparam("moment")))
_GIVEN: Final = tuple(column.name for column in table.c if column.name != "sequence")
_LISTS: Final = frozenset({"request_headers", "response_headers"})
_UNTOUCHED: Final[dict[str, Any]] = {
    "user_id": "",
    "response_status_code": 0,
    "response_headers": [],
    "logs": "",
    "errors": "",
    "duration": 0.0,
    "scheduled_at": 0,
}
"""What an execution has before anything came of it."""
_OUTCOME: Final = (
    "status", "response_status_code", "response_headers", "logs", "errors", "duration", "updated_at",
)  # fmt: skip
_INSERT: Final = Prepared(
    insert(table).values({name: bindparam(name) for name in _GIVEN}).returning(table.c.sequence)
)
_OWN: Final = table.c.sequence == bindparam("own")
_ROW: Final = PreparedSelect(select(table).where(_OWN))
_MARK: Final = Prepared(
    update(table)
    .where(_OWN)
    .values(status=bindparam("new_status"), updated_at=bindparam("moment"))
    .returning(table)
)
_SETTLE: Final = Prepared(
    update(table).where(_OWN).values({name: bindparam(f"new_{name}") for name in _OUTCOME}).returning(table)
)
_ENQUEUE: Final = Prepared(
    insert(jobs).values(
        execution_sequence=bindparam("own"),
        due_at=bindparam("due"),
        request=bindparam("sealed"),
        begun=bindparam("begins"),
        attempts=bindparam("attempt"),
    )
)
_OWN_JOB: Final = jobs.c.execution_sequence == bindparam("own")
_BEGIN: Final = Prepared(update(jobs).where(_OWN_JOB).values(begun=True, attempts=bindparam("attempt")))
_END: Final = Prepared(delete(jobs).where(_OWN_JOB))
_make: Any = namedtuple  # of names that only the table has
_Execution: Final[Callable[..., Any]] = _make("_Execution", [column.name for column in table.c])


def insert_execution(connection: Connection, values: Mapping[str, Any]) -> Row[Any]:
    """Write a new execution; what ``values`` lack is as before it runs. Returns it as its row."""
    given = {**_UNTOUCHED, **values}
    (sequence,) = _INSERT.fetch(connection, _written(given))[0]
    row: Row[Any] = _Execution(sequence=sequence, **given)  # with its attributes: it is not read again
    return row


def execution_row(
    connection: Connection, function_sequence: int, execution_id: str, user_id: str | None = None
) -> Row[Any] | None:
    """An execution of a function; with ``user_id`` only if that user may read it."""
    row = connection.execute(_BY_ID, {"id": execution_id}).one_or_none()
    if row is None or row.function_sequence != function_sequence or user_id not in (None, row.user_id):
        return None
    return row


def list_executions(
    connection: Connection, function_sequence: int, user_id: str | None, queries: Sequence[str], total: bool
) -> tuple[int, list[Row[Any]]]:
    """A page of the executions of a function, and how many there are.

    With ``user_id`` only those that this user may read.
    """
    where = [table.c.function_sequence == function_sequence]
    if user_id is not None:
        where.append(table.c.user_id == user_id)
    return list_rows(connection, LIST, queries, "", where, total)


def delete_execution(connection: Connection, sequence: int) -> None:
    """Delete an execution; it runs no more if it has not begun."""
    connection.execute(delete(table).where(table.c.sequence == sequence))


def enqueue(connection: Connection, sequence: int, request: str, due_at: int) -> None:
    """Have an execution run at ``due_at``; ``request`` says what it is sent, and is sealed."""
    sealed = connection.encryption.seal(request)
    _ENQUEUE.execute(
        connection, {"own": sequence, "due": due_at, "sealed": sealed, "begins": 0, "attempt": 0}
    )


def waiting_jobs(connection: Connection, moment: int) -> int:
    """How many executions wait, or run, that were not asked for synchronously; without those of later."""
    return int(_WAITING.fetch(connection, {"moment": moment})[0][0])


def scheduled_jobs(connection: Connection, moment: int) -> int:
    """How many executions are due later."""
    return int(_SCHEDULED.fetch(connection, {"moment": moment})[0][0])


def next_job_at(connection: Connection) -> int | None:
    """Return when the next execution is to begin; None: there is none."""
    due_at: int | None = _NEXT.fetch(connection, {})[0][0]
    return due_at


def jobs_begun(connection: Connection) -> bool:
    """Whether any execution was begun and has not ended."""
    return connection.execute(select(jobs.c.begun).where(jobs.c.begun).limit(1)).first() is not None


class BegunJob(NamedTuple):
    """An execution that was begun."""

    row: Row[Any]
    sealed: str
    """The sealed request; see :func:`open_request`."""
    attempt: int
    """How often it was begun, this time included."""


def begin_job(connection: Connection, moment: int) -> BegunJob | None:
    """Begin the execution that is due next; None: nothing is due."""
    due = _DUE.typed(connection, _DUE.fetch(connection, {"moment": moment}))
    if not due:
        return None
    job = due[0]
    attempt = job.attempts + 1
    _BEGIN.execute(connection, {"own": job.execution_sequence, "attempt": attempt})
    marked = {"own": job.execution_sequence, "new_status": "processing", "moment": moment}
    row = _ROW.typed(connection, _MARK.fetch(connection, marked))[0]
    return BegunJob(row, job.request, attempt)


def open_request(connection: Connection, sealed: str) -> str:
    """What an execution is sent, as it was given to :func:`enqueue`. Raises :class:`SealError`."""
    return connection.encryption.open(sealed)


def end_job(connection: Connection, sequence: int, values: Mapping[str, Any]) -> Row[Any] | None:
    """Write down what came of an execution; returns it as it is now, None if it was deleted."""
    _END.execute(connection, {"own": sequence})
    settled = {f"new_{name}": value for name, value in _written(values).items()}
    rows = _ROW.typed(connection, _SETTLE.fetch(connection, {"own": sequence, **settled}))
    return rows[0] if rows else None


def release_jobs(transaction: Transaction) -> int:
    """Put what was begun, and is worked on by nobody any more, back into the queue; how many."""
    connection = transaction.connection
    begun = select(jobs.c.execution_sequence).where(jobs.c.begun)
    connection.execute(update(table).where(table.c.sequence.in_(begun)).values(status="waiting"))
    return connection.execute(update(jobs).where(jobs.c.begun).values(begun=False)).rowcount


def delete_old_executions(before: int, transaction: Transaction) -> int:
    """Delete a step of the executions that were made before ``before`` and have ended; how many."""
    ended = table.c.status.in_(("completed", "failed"))
    old = select(table.c.sequence).where(table.c.created_at < before, ended).limit(STEP)
    return transaction.connection.execute(delete(table).where(table.c.sequence.in_(old))).rowcount


def _written(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as the driver takes them."""
    return {name: _encode(value).decode() if name in _LISTS else value for name, value in values.items()}
