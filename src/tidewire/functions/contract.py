"""What an engine is that builds and runs functions: its interface, its values, its errors.

One engine runs them as processes of this machine, another may in containers or on other machines: whoever
uses an engine knows only what stands here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, Protocol

from tidewire.functions.specifications import Specification

Isolation = Literal["bubblewrap", "namespaces", "limits"]
"""What keeps code apart, the best first. ``limits`` is no sandbox: bounds of resources only."""

MAX_LOG_CHARACTERS: Final = 1_000_000
"""The most characters of the logs and as many of the errors of one execution, and of the log of one build;
the end is kept."""
TRUNCATED: Final = f"[WARNING] Logs truncated. The output exceeded {MAX_LOG_CHARACTERS} characters.\n"
"""Stands before logs of which only the end was kept, and counts among their characters."""
ERRORS_TRUNCATED: Final = TRUNCATED.replace("Logs", "Errors")
"""The same before errors."""
MAX_REQUEST_BYTES: Final = 20_000_000
"""The most bytes of the body that a function is sent."""

OnLog = Callable[[str], None]
"""Takes the next piece of a build's log, whole lines where they are shorter than 64 KB. It is called on
the event loop, at most some ten times a second, and must return at once."""
OpenArchive = Callable[[], AsyncIterator[bytes]]
"""Reads the output archive of a deployment from its start, in pieces of any size."""


class EngineError(Exception):
    """A build or an execution that came to no result. The text says why and is fit to be shown."""

    def __init__(self, message: str, *, logs: str = "", errors: str = "") -> None:
        super().__init__(message)
        self.logs = logs
        """What the code had logged until then, bounded as in a response."""
        self.errors = errors


class UnknownRuntimeError(EngineError):
    """This machine does not have the runtime, or no longer."""


class SandboxUnavailableError(EngineError):
    """The setting ``functions_sandbox`` asks for more isolation than this machine offers."""


class NotReadyError(EngineError):
    """No process could be started, or there is room for no more of them, or of requests that wait."""


class TimedOutError(EngineError):
    """The time was over, and the code did not even say so itself. Its process is ended."""


class CrashedError(EngineError):
    """The process ended, closed its socket or answered with what is no HTTP, amid the execution."""


class TooLargeError(EngineError):
    """A request, an answer, or an archive, packed or unpacked, is beyond its bound."""


class BuildFailedError(EngineError):
    """The commands failed or left nothing to run; ``logs`` has all that they wrote."""


class BadArchiveError(BuildFailedError):
    """A source that is no gzip tar, or one with entries that lead out of it, or a bomb."""


@dataclass(frozen=True)
class Runtime:
    """A language in a version that this machine has."""

    key: str
    """The name that functions use for it, such as ``node-22`` or ``python-3.12``."""
    language: str
    """``node``, ``python``."""
    name: str
    """The name for people: ``Node.js``, ``Python``."""
    version: str
    """The version as it stands in the key: ``22``, ``3.12``."""
    release: str
    """The whole version that was found, such as ``22.11.0``."""


@dataclass(frozen=True)
class Run:
    """A deployment that can be run; the same for all its executions.

    A process keeps what it was started with: an execution whose deployment has another environment, say, than
    the warm processes have gets a new one, and those end with what they are at.
    """

    project: str
    deployment: str
    runtime: str
    """The key of a runtime."""
    entrypoint: str
    """Path of the file within the archive."""
    specification: Specification
    environment: Mapping[str, str]
    """All of it: the code sees nothing of the server's own."""
    archive: OpenArchive
    """A function that opens the archive; called when the code does not lie unpacked on this machine yet."""

    def starts_like(self, other: Run) -> bool:
        """Whether a process that was started for ``other``, of the same deployment, does for this too."""
        return (
            self.environment == other.environment
            and self.specification == other.specification
            and self.entrypoint == other.entrypoint
            and self.runtime == other.runtime
        )


@dataclass(frozen=True)
class FunctionRequest:
    """One call of a function's ``main``."""

    method: str
    path: str
    """The path with the query: ``/users?limit=5``."""
    headers: Sequence[tuple[str, str]]
    """The headers but for ``content-length``, ``transfer-encoding`` and ``x-open-runtimes-*``, which the
    engine sets."""
    body: bytes = b""
    timeout: float = 15.0
    """Seconds, those of a cold start included."""
    logging: bool = True
    """Whether logs and errors are kept; without it both come back empty."""


@dataclass(frozen=True)
class FunctionResponse:
    """What a function answered. A status of 500 and more is an answer too: the code may have raised.

    503: the code could not be loaded; 500: it raised, returned nothing, or was too slow and the runtime
    could say so. ``errors`` then has the reason and, where there is one, the stack.
    """

    status: int
    headers: list[tuple[str, str]]
    """Names in lower case, without ``x-open-runtimes-*`` and without those of the connection; after HEAD
    with ``content-length``, which is that of the answer to GET."""
    body: bytes
    logs: str
    """At most :data:`MAX_LOG_CHARACTERS`; where only the end was kept it begins with :data:`TRUNCATED`."""
    errors: str
    duration: float
    """Seconds, those of a cold start included."""
    cold_start: bool
    """Whether a process had to be started for it, or was being started."""


@dataclass(frozen=True)
class BuildRequest:
    """A source to make a deployment of."""

    project: str
    deployment: str
    runtime: str
    source: Path
    """A gzip tar. It is only read."""
    output: Path
    """Where the gzip tar of the result is written. It is there only after a build that succeeded."""
    entrypoint: str
    commands: str
    """Lines of bash; empty: the source is packed as it is."""
    environment: Mapping[str, str]
    specification: Specification
    """What the build may use; the memory counts as at least 1024 MB."""
    timeout: float = 900.0
    """Seconds for all of it."""


@dataclass(frozen=True)
class BuildResult:
    """A build that succeeded."""

    output_bytes: int
    """The size of the archive at :attr:`BuildRequest.output`."""
    duration: float
    """Seconds."""
    logs: str = field(repr=False)
    """All that was passed to ``on_log``, or the end of it."""


class Engine(Protocol):
    """Builds and runs code. All methods belong to one event loop; several may run at once.

    Promises, whatever the code does: a call returns or raises within its time and a second, memory of the
    server stays bounded, other deployments go on, and when :meth:`close` has returned no process is left.
    After a kill of the server the processes end by themselves.
    """

    @property
    def isolation(self) -> Isolation:
        """What keeps code apart from the server and from other code, on this machine."""
        ...

    @property
    def processes(self) -> int:
        """How many processes of functions are warm."""
        ...

    @property
    def waiting(self) -> int:
        """How many executions wait for a process."""
        ...

    def runs(self) -> Sequence[Run]:
        """What the processes that there are were started with."""
        ...

    async def runtimes(self) -> Sequence[Runtime]:
        """The runtimes of this machine, sorted by language and version.

        They are looked for once, when they are first needed: to ask all programs for their versions costs
        half a second of processor time, and more where they are started by scripts.
        """
        ...

    async def build(self, request: BuildRequest, on_log: OnLog) -> BuildResult:
        """Unpack the source, run the commands in a sandbox with network, pack what is there then.

        Cancelling the task that waits for it ends the build at once, and leaves nothing behind. Raises
        :class:`BuildFailedError`, its kind :class:`BadArchiveError`, :class:`TimedOutError`,
        :class:`TooLargeError`, :class:`UnknownRuntimeError` and :class:`SandboxUnavailableError`.
        """
        ...

    async def execute(self, run: Run, request: FunctionRequest) -> FunctionResponse:
        """Call the function, in a warm process or in one that is started for it.

        Nothing is tried twice: code that was reached may have had effects. Cancelling the task gives the
        answer up; the code runs on to the end of its time. Raises :class:`NotReadyError`,
        :class:`TimedOutError`, :class:`CrashedError`, :class:`TooLargeError`, :class:`BadArchiveError`,
        :class:`UnknownRuntimeError` and :class:`SandboxUnavailableError`; and what ``run.archive`` raises.
        """
        ...

    def renew(self, project: str, deployment: str, run: Run | None) -> None:
        """End the processes of a deployment that were started otherwise than by ``run``, when they are idle.

        ``run``: what it is now; None: it is not to be run any more. Executions do the same by themselves.
        """
        ...

    async def stop(self, project: str, deployment: str) -> None:
        """End the processes of a deployment, with all that runs in them, and forget its code.

        The next execution starts anew. Nothing happens when there are none.
        """
        ...

    async def close(self) -> None:
        """End all processes and builds. Executions that run raise :class:`CrashedError`."""
        ...
