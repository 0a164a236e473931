"""What an engine promises, whichever database keeps the data: the contract of the store.

One database holds one project: the system tables, users' tables and the event log. Work is done in units:
synchronous functions, called in threads of the engine, that get a connection and must not keep it.

* *Atomicity*: all that a unit writes, events included, is there or none of it. Several units may share one
  transaction and one wait for the disk; one that raises is undone alone. Where the commit itself is refused,
  all units of that transaction fail.
* *Order*: units that write run one at a time, over all processes that have the database open: what a unit
  read stays so until it has ended. To look whether something is there and then insert it is safe for that
  reason; unique indexes refuse what slips through by a mistake of the program. Offsets of the event log only
  grow, and follow the order of commits. Units of one caller run in the order of its calls.
* *Visibility*: a read sees one moment, at which all that was committed before the call is there. What a unit
  has written is seen by nobody else before its commit. Listeners of this process get the events of a commit
  before the writers get their results.
* *Crash*: what :meth:`ProjectDatabase.write` has answered survives the death of the process, and with
  ``synchronous = full`` a power cut. Where that is not so, the log gets a new epoch when it is opened. There
  is no change without its event, and no event without its change.
* *Twice*: a unit may be run twice, as when its transaction is done again or a read took too long. So it
  leaves nothing behind but what it writes on its connection.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar

from tidewire.core.events import Event, LoggedEvent
from tidewire.store.engine import event_log
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.reading import Lane
from tidewire.store.errors import StoreError

T = TypeVar("T")
Listener = Callable[[Sequence[LoggedEvent]], None]

UNKNOWN: Final = 0
"""A moment that no database is at."""


class DatabaseClosedError(RuntimeError):
    """The database was closed for good before the unit of work could begin."""


class Finding(NamedTuple, Generic[T]):
    """A finding: what a unit of work found, and at which moment of the database."""

    value: T
    moment: int
    """The moment of the database: while it is still at this one, nothing was committed since.

    A database is never at ``UNKNOWN``.
    """


NEVER: Final[Finding[Any]] = Finding(None, UNKNOWN)
"""A finding for those who have not asked yet: it holds nothing, and no database is at its moment."""


class Transaction:
    """A transaction: what a unit of work writes with."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        """The connection to read and write with.

        The engine begins and ends transactions on it, not the unit.
        """
        self.events: list[LoggedEvent] = []
        """The events that :meth:`append` has written so far."""

    def append(self, event: Event) -> LoggedEvent:
        """Write ``event`` to the project's log: it becomes known if and only if the unit is committed."""
        logged = event_log.append(self.connection, event)
        self.events.append(logged)
        return logged


class Staging(Protocol):
    """A connection of its own for what is to be done but not written yet, and what is seen on it.

    It can be thrown away at any time: whoever uses it can bring a new one to where the last one was.
    """

    async def run(self, catch_up: Callable[[Connection, int], int], unit: Callable[[Connection], T]) -> T:
        """Run ``unit`` in a snapshot that stays until :meth:`keep` or the end of the use.

        Before it, ``catch_up`` is given the position that the connection has, 0 if it is new; it does what is
        missing and returns the position then. Raises ``database_timeout``.
        """

    def keep(self, position: int) -> None:
        """Keep what the unit has done on the connection, which has this position from now on."""


class Stagings(Protocol):
    """The staging connections of one database, by a key of their users' choice."""

    def use(self, key: str) -> AbstractAsyncContextManager[Staging]:
        """Have a staging connection alone, the one that was kept under ``key`` or a new one."""

    def forget(self, key: str) -> None:
        """Let go of the staging connection that was kept under ``key``: nobody needs it any more."""


class ProjectDatabase(Protocol):
    """The database of one project. Belongs to one event loop, which calls everything here.

    Its files or connections are opened when somebody needs them, and closed when nobody has for a while;
    whoever holds it need not know whether they are.
    """

    project_id: str

    @property
    def staging(self) -> Stagings:
        """Connections for what is done and not written."""

    @property
    def is_awake(self) -> bool:
        """Whether its files or connections are open."""

    async def wake(self) -> None:
        """Open what it needs; return at once if it is open. Everything that waits does so by itself.

        Raises :class:`tidewire.store.errors.StoreError` if the database is damaged, or newer than this
        version of Tidewire.
        """

    async def write(self, unit: Callable[[Transaction], T]) -> T:
        """Run ``unit`` and return its result once it is committed, or raise its error.

        Cancelling the call does not cancel the unit.
        """

    async def read(self, unit: Callable[[Connection], T], lane: Lane = "requests") -> T:
        """Run ``unit`` on a snapshot. It cannot write.

        In the lane ``requests`` it takes its turn with the reads of other callers, and is interrupted after
        the seconds that its caller has: ``database_timeout`` is raised then, and ``general_server_busy`` if
        too many of that caller's reads wait.
        """

    def holds(self, found: Finding[T]) -> bool:
        """Whether nothing was committed since something was found; False where that cannot be told."""

    def find_at_once(
        self, unit: Callable[[Connection], T], since: Finding[T] | None = None
    ) -> Finding[T] | None:
        """:meth:`find` without waiting; None if that cannot be told at once, as an engine may always say.

        A unit that turns out to take milliseconds is given up, so that it holds nobody up.
        """

    async def find(
        self,
        unit: Callable[[Connection], T],
        since: Finding[T] | None = None,
        lane: Lane = "identities",
    ) -> Finding[T]:
        """What ``unit`` finds now: all that was committed before the call counts, here or elsewhere.

        ``since`` is what it found before, :data:`NEVER` at first: that is returned if nothing was committed
        meanwhile, which takes microseconds. Without it the answer is not for keeping, and several statements
        of ``unit`` may see different moments. Only for a few rows found by indexes: what takes longer is done
        in the lane ``lane`` of reads. An engine that hears of commits from a server may take what it heard at
        most a quarter of a second ago for the present state.
        """

    def listen(self, callback: Listener) -> Callable[[], None]:
        """Have ``callback`` called after each commit of this process that wrote events, with these, in order.

        What is returned ends it.
        """

    def run_beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work`` on the event loop beside everything else; :meth:`close` cancels it."""

    def keep_awake_while(self, reason: Callable[[], bool]) -> Callable[[], None]:
        """Keep the database open while ``reason`` is true; what is returned withdraws it."""

    async def overwrite_deleted(self) -> None:
        """Take what was deleted off the disk, unless somebody reads just now: later commits do it then."""

    async def close(self) -> None:
        """Finish what was begun, then close. Later reads and writes raise :class:`DatabaseClosedError`."""


class Keeper(Protocol):
    """A keeper looks after databases that open and close as they are needed."""

    def woke(self, database: Any) -> None:
        """Note that the files of a database were opened."""

    def slept(self, database: Any, due_at: int | None) -> None:
        """Note that the files of a database were closed.

        ``due_at``: when something is to be done there, in milliseconds since the epoch; None: nothing is.
        """

    async def is_new(self, project_id: str, error: StoreError) -> bool:
        """Whether the database of a project, which cannot be opened, is to be made."""

    async def created(self, project_id: str) -> None:
        """Note that the database of a project was made."""

    def committed(self, project_id: str) -> None:
        """Note that a transaction was committed.

        Called in the thread that writes, before the writers are told.
        """


class DueNotes(Protocol):
    """Notes of when something is to be done in projects that nobody has open."""

    def opened(self, project_id: str) -> None:
        """Note that a project is about to be opened."""

    def closed(self, project_id: str, due_at: int | None) -> None:
        """Note that the last process that had a project open closes it; ``due_at`` is what :meth:`due_at`
        said."""

    def due_at(self, connection: Connection) -> int | None:
        """Return when something is to be done in the project; None: nothing is."""
