"""Rate limits of operations: counted in fixed windows, told in headers, refused with 429."""

from __future__ import annotations

import hashlib
import time
from typing import Final, NamedTuple

from limits import RateLimitItem, RateLimitItemPerSecond
from limits.aio.storage import Storage
from limits.aio.strategies import FixedWindowRateLimiter

from tidewire.api.asgi import Headers
from tidewire.api.bodies import RequestParameters
from tidewire.api.registry import Endpoint
from tidewire.api.requests import Request
from tidewire.core.addresses import network_of
from tidewire.core.errors import TidewireError
from tidewire.core.identities import Caller
from tidewire.core.rate_limits import RateLimit
from tidewire.core.uploads import ContentRange

COUNTERS: Final = 200_000
"""Keys that are counted at the same time. Beyond it, those whose windows end first are forgotten."""


class Count(NamedTuple):
    """The state of a limit after a request was counted."""

    limit: int
    remaining: int
    """Calls left in this window."""
    reset: int
    """Seconds since the epoch at which the window ends."""
    exceeded: bool

    @property
    def headers(self) -> Headers:
        """The headers that tell the client about the limit."""
        return [
            (b"x-ratelimit-limit", b"%d" % self.limit),
            (b"x-ratelimit-remaining", b"%d" % self.remaining),
            (b"x-ratelimit-reset", b"%d" % self.reset),
        ]

    def error(self) -> TidewireError:
        """The refusal of a request beyond the limit."""
        seconds = max(1, self.reset - int(time.time()))
        return TidewireError(
            "general_rate_limit_exceeded", f"Too many requests of this kind: try again in {seconds} s."
        )


class RateLimits:
    """Counts calls of limited operations, each process by itself."""

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled
        self._limiter = FixedWindowRateLimiter(CounterStorage())

    async def count(
        self,
        endpoint: Endpoint,
        caller: Caller,
        request: Request,
        project_id: str,
        given: RequestParameters,
        content_range: ContentRange | None = None,
    ) -> Count | None:
        """Count a call by each key of its operation; the result is of the key with the least left.

        None: the operation has no limit. Where limits do not count, for this caller or at all, the result is
        that of a first call.
        """
        limit = endpoint.operation.limit
        if limit is None:
            return None
        if not self._enabled or exempt(caller):
            return Count(limit.limit, limit.limit - 1, int(time.time()) + limit.window_seconds, False)
        values = {
            # Without the host name, which a client could vary, and the same for all paths of an operation.
            "url": endpoint.operation.path,
            "ip": network_of(request.client_ip),
            "userId": caller.user_id,
            "projectId": project_id,
            "method": endpoint.operation.method,
            "chunkId": str(content_range.number if content_range else 1),
        }
        keys = limit.filled_keys(values, given.values)
        return min(
            [await self._count(limit, project_id, key) for key in keys],
            key=lambda count: (not count.exceeded, count.remaining),
        )

    async def _count(self, limit: RateLimit, project_id: str, key: str) -> Count:
        item: RateLimitItem = RateLimitItemPerSecond(limit.limit, limit.window_seconds)
        # Parts of a key come from clients: a digest has a fixed size.
        identity = hashlib.blake2b(f"{project_id}\0{key}".encode(), digest_size=16).hexdigest()
        allowed = await self._limiter.hit(item, identity)
        window = await self._limiter.get_window_stats(item, identity)
        return Count(limit.limit, window.remaining, int(window.reset_time), not allowed)


def exempt(caller: Caller) -> bool:
    """Whether limits do not count for this caller: programs with a key, and people who own the project."""
    return caller.by_dev_key or caller.kind in {"key", "admin"}


class CounterStorage(Storage):
    """Counters in memory, at most ``capacity`` of them.

    Unlike the memory storage that comes with the library it does not look at all counters each time one
    is counted: what a request costs must not grow with the number of clients. Nor does it look at the clock
    on the wall, which may be set back: windows end by the monotonic clock.
    """

    STORAGE_SCHEME = None

    def __init__(self, capacity: int = COUNTERS) -> None:
        super().__init__()
        self._capacity = capacity
        self._counters: dict[str, tuple[int, float]] = {}

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add to a counter; a new one, or one that has expired, begins at 0 and lasts ``expiry`` seconds."""
        count, ends = self._current(key)
        if not count:
            ends = time.monotonic() + expiry
            self._make_room()
        self._counters[key] = (count + amount, ends)
        return count + amount

    async def get(self, key: str) -> int:
        return self._current(key)[0]

    async def get_expiry(self, key: str) -> float:
        """The time at which the window ends, by the clock on the wall as it is now."""
        return time.time() + self._current(key)[1] - time.monotonic()

    async def check(self) -> bool:
        return True

    async def reset(self) -> int:
        count = len(self._counters)
        self._counters.clear()
        return count

    async def clear(self, key: str) -> None:
        self._counters.pop(key, None)

    def _current(self, key: str) -> tuple[int, float]:
        moment = time.monotonic()
        counter = self._counters.get(key)
        if counter is None or counter[1] <= moment:
            self._counters.pop(key, None)
            return 0, moment
        return counter

    def _make_room(self) -> None:
        if len(self._counters) < self._capacity:
            return
        # Half of them at once: the sorting is then paid for by many later requests.
        by_end = sorted(self._counters.items(), key=lambda item: item[1][1])
        self._counters = dict(by_end[len(by_end) // 2 :])
