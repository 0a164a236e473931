"""Group commit: units that share a transaction do not share their failures."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from tests.store.samples import add_session, event
from tidewire.core.events import LoggedEvent
from tidewire.store.engine import event_log
from tidewire.store.engine.database import Database, DatabaseClosedError, Transaction
from tidewire.store.engine.sqlite import writer
from tidewire.store.engine.sqlite.writer import GROUP_SECONDS
from tidewire.store.engine.state import read_state, write_state
from tidewire.store.schema import state


def set_value(name: str) -> Callable[[Transaction], str]:
    def unit(transaction: Transaction) -> str:
        write_state(transaction.connection, name, "set")
        transaction.append(event(payload=name.encode()))
        return name

    return unit


def fail(transaction: Transaction) -> None:
    set_value("failed")(transaction)
    raise LookupError("on purpose")


async def grouped(database: Database, *units: Callable[[Transaction], Any]) -> list[Any]:
    """Run the units in one transaction: they queue up behind one that takes long."""
    await database.write(lambda _: None)  # which opens the connection
    began, release = threading.Event(), threading.Event()

    def block(_: Transaction) -> bool:
        began.set()
        return release.wait(10)

    blocker = asyncio.create_task(database.write(block))
    await asyncio.to_thread(began.wait, 10)
    with pytest.MonkeyPatch.context() as patch:
        # A slow machine may not part the group of the units; that of the blocker has its end already.
        patch.setattr(writer, "GROUP_SECONDS", 10.0)
        tasks = [asyncio.create_task(database.write(unit)) for unit in units]
        # Nothing joins the blocker's transaction once it has been open for so long.
        await asyncio.sleep(2 * GROUP_SECONDS)
        release.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    assert await blocker
    return results


async def written(database: Database, name: str) -> bool:
    return await database.read(lambda connection: read_state(connection, name)) is not None


async def payloads(database: Database) -> list[bytes]:
    events = await database.read(lambda connection: event_log.read_after(connection, 0, 10_000))
    return [logged.event.payload for logged in events]


async def test_a_failing_unit_is_undone_alone(database: Database) -> None:
    results = await grouped(database, set_value("before"), fail, set_value("after"))
    assert results[0] == "before"
    assert isinstance(results[1], LookupError)
    assert results[2] == "after"
    assert [await written(database, name) for name in ("before", "failed", "after")] == [True, False, True]
    assert await payloads(database) == [b"before", b"after"]


async def test_a_broken_constraint_reaches_its_caller_alone(database: Database) -> None:
    def twice(transaction: Transaction) -> None:
        for _ in range(2):
            transaction.connection.execute(insert(state).values(name="same", value=""))

    results = await grouped(database, twice, set_value("other"))
    assert isinstance(results[0], IntegrityError)
    assert results[1] == "other"
    assert not await written(database, "same")


async def test_a_failing_commit_fails_the_whole_group(database: Database) -> None:
    def breaks_at_commit(transaction: Transaction) -> None:
        transaction.connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        add_session(transaction.connection, "s1", "nobody", secret_hash="", expires_at=1)

    seen: list[LoggedEvent] = []
    database.listen(seen.extend)
    results = await grouped(database, set_value("before"), breaks_at_commit, set_value("after"))
    assert all(isinstance(result, Exception) for result in results)
    assert not await written(database, "before")
    assert not await written(database, "after")
    assert seen == []
    assert await database.write(set_value("later")) == "later"
    assert [logged.offset for logged in seen] == [1]


async def test_a_unit_that_loses_the_transaction_fails_the_whole_group(database: Database) -> None:
    def lose(transaction: Transaction) -> None:
        transaction.connection.exec_driver_sql("ROLLBACK")
        raise LookupError("lost")

    results = await grouped(database, set_value("before"), lose)
    assert [type(result) for result in results] == [LookupError, LookupError]
    assert not await written(database, "before")
    assert await database.write(set_value("later")) == "later"


@pytest.mark.parametrize("error", [StopIteration, KeyboardInterrupt, SystemExit, asyncio.CancelledError])
async def test_errors_that_a_future_cannot_hold_are_wrapped(
    database: Database, error: type[BaseException]
) -> None:
    def unit(_: Transaction) -> None:
        raise error

    with pytest.raises(RuntimeError, match=error.__name__):
        await database.write(unit)
    assert await database.write(set_value("later")) == "later"


async def test_a_failing_listener_stops_nobody(database: Database) -> None:
    def broken(_: object) -> None:
        raise LookupError("listener")

    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    seen: list[LoggedEvent] = []
    database.listen(broken)
    database.listen(seen.extend)
    assert await database.write(set_value("a")) == "a"
    assert len(seen) == 1
    assert isinstance(reported[0]["exception"], LookupError)


async def test_closing_writes_what_is_queued_and_refuses_the_rest(database: Database) -> None:
    tasks = [asyncio.create_task(database.write(set_value(f"n{number}"))) for number in range(300)]
    await asyncio.sleep(0)
    await database.close()
    assert await asyncio.gather(*tasks) == [f"n{number}" for number in range(300)]
    with pytest.raises(DatabaseClosedError):
        await database.write(set_value("late"))
    with pytest.raises(DatabaseClosedError):
        await database.read(lambda connection: connection.execute(select(state)).all())
    again = await Database.open(database.path, "shop")
    assert len(await payloads(again)) == 300
    await again.close()


async def test_what_a_unit_would_undo_is_not_kept_in_memory(database: Database) -> None:
    """Else its statements take longer and longer, the more of them there are."""

    def temporary(transaction: Transaction) -> Any:
        return transaction.connection.exec_driver_sql("PRAGMA temp_store").scalar()

    assert await database.write(temporary) != 2
