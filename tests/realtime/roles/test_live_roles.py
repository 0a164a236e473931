"""Roles of open connections: no event reaches anybody who was not entitled to it at its commit.

Commits run ahead of delivery here, as they do on a busy server or when another process commits: what users
are when an event is handled may be anything but what they were when it was committed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.realtime.world import Client, Json, World, identity
from tidewire.core.entitlements import change_of
from tidewire.core.events import Event, LoggedEvent

T = TypeVar("T")
USERS = ["anna", "ben"]
TEAMS = ["t1", "t2"]
ROLES = [
    "any", "users", "guests", "users/verified", "label:vip", "member:m",
    *(f"user:{user}" for user in USERS), *(f"team:{team}" for team in TEAMS), "team:t1/owner",
]  # fmt: skip
MEMBER = "teams.[teamId].memberships.[membershipId]."


class _Late(World):
    """A project whose log is delivered when the hub asks for it."""

    def __init__(self, deliver_all: Callable[[], Awaitable[None]]) -> None:
        self._deliver_all = deliver_all
        super().__init__()

    async def catch_up(self) -> None:
        await self._deliver_all()


class LiveRoles(RuleBasedStateMachine):
    """A log that is delivered later than it is written."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.world = _Late(self.deliver_all)
        self.log: deque[tuple[LoggedEvent, dict[str, set[str]] | None]] = deque()
        """What is committed but not delivered, and for probes who is to get it: users with roles then."""
        self.offset = 0
        self.connected = 0
        self.since: dict[str, int] = {}
        """Connection to the offset from which on it is to get events."""
        self.users = self.world.users.stored
        for user in USERS:
            self.users[user] = {"$id": user, "memberships": [], "labels": [], "status": True}

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def teardown(self) -> None:
        self.run(self.deliver_all())
        self.runner.close()

    def commit(
        self, pattern: str, parameters: dict[str, str], payload: Json, roles: list[str]
    ) -> LoggedEvent:
        self.offset += 1
        event = Event(
            pattern=pattern, parameters=parameters, channels=["c"], roles=roles,
            payload=msgspec.json.encode(payload), timestamp=1,
        )  # fmt: skip
        self.world.hub.progress.received = self.offset
        logged = LoggedEvent("p1", self.offset, event)
        self.log.append((logged, None))
        return logged

    def roles_of(self, user_id: str) -> set[str]:
        """What a user is now, according to what is stored."""
        user = self.users.get(user_id)
        return set(identity(user).roles) if user and user["status"] else {"guests"}

    @rule(
        user=st.sampled_from(USERS), team=st.sampled_from(TEAMS), owner=st.booleans(), confirm=st.booleans()
    )
    def join(self, user: str, team: str, owner: bool, confirm: bool) -> None:
        if user not in self.users:
            return
        roles = ["owner"] if owner else []
        membership: Json = {
            "$id": "m" + str(self.offset % 2),
            "teamId": team,
            "roles": roles,
            "confirm": confirm,
        }
        held = self.users[user]["memberships"]
        self.users[user]["memberships"] = [each for each in held if each["teamId"] != team] + [membership]
        parameters = {"userId": user, "teamId": team, "membershipId": membership["$id"]}
        self.commit(MEMBER + "create", parameters, membership, [f"team:{team}"])

    @rule(user=st.sampled_from(USERS), team=st.sampled_from(TEAMS))
    def leave(self, user: str, team: str) -> None:
        if user not in self.users:
            return
        held = self.users[user]["memberships"]
        self.users[user]["memberships"] = [each for each in held if each["teamId"] != team]
        parameters = {"userId": user, "teamId": team, "membershipId": "m"}
        self.commit(MEMBER + "delete", parameters, {}, [f"team:{team}"])

    @rule(user=st.sampled_from(USERS), vip=st.booleans(), verified=st.booleans(), status=st.booleans())
    def change(self, user: str, vip: bool, verified: bool, status: bool) -> None:
        if user not in self.users:
            return
        account = {"labels": ["vip"] if vip else [], "emailVerification": verified, "status": status}
        self.users[user] |= account
        self.commit("users.[userId].update.labels", {"userId": user}, account, [f"user:{user}"])

    @rule(user=st.sampled_from(USERS))
    def delete(self, user: str) -> None:
        if self.users.pop(user, None):
            self.commit("users.[userId].delete", {"userId": user}, {}, [f"user:{user}"])

    @rule(user=st.sampled_from(USERS))
    def create(self, user: str) -> None:
        if user not in self.users:
            self.users[user] = {"$id": user, "memberships": [], "labels": [], "status": True}

    @rule(roles=st.lists(st.sampled_from(ROLES), min_size=1, max_size=2))
    def probe(self, roles: list[str]) -> None:
        """Commit an event for some roles."""
        logged = self.commit(
            "buckets.[bucketId].files.[fileId].create", {"bucketId": "b", "fileId": "f"}, {}, roles
        )
        entitled = {}
        for name, client in self.world.clients.items():
            held = self.roles_at_commit(client)
            if "any" in roles or held & set(roles):
                entitled[name] = held
        self.log[-1] = (logged, entitled)

    def roles_at_commit(self, client: Client) -> set[str]:
        """The roles of a connection as of everything that is committed, delivered or not."""
        user_id = client.user_id
        for logged, _ in self.log:
            change = change_of(logged.event)
            if change is not None and change.kind == "user" and change.user_id == user_id:
                return {"guests"}  # for good, even if there is a user of that id again
        return self.roles_of(user_id) if user_id else {"guests"}

    @rule(user=st.sampled_from(["", *USERS]))
    def connect(self, user: str) -> None:
        self.connected += 1
        self.run(self._enter(f"c{self.connected}", user))

    async def _enter(self, name: str, user: str) -> None:
        hub = self.world.hub
        found = await hub.identify(lambda: self.world.users.by_id(user)) if user else None
        client = self.world.clients[name] = Client(name)
        hub.enter(client, found)
        hub.subscribe(client, "s", ["c"], None)

    @precondition(lambda self: self.world.clients)
    @rule(data=st.data())
    def disconnect(self, data: st.DataObject) -> None:
        self.world.close(data.draw(st.sampled_from(sorted(self.world.clients))))

    @precondition(lambda self: self.log)
    @rule(count=st.integers(1, 5))
    def deliver(self, count: int) -> None:
        for _ in range(min(count, len(self.log))):
            self.run(self.deliver_one())

    async def deliver_all(self) -> None:
        while self.log:
            await self.deliver_one()

    async def deliver_one(self) -> None:
        logged, entitled = self.log.popleft()
        self.world.offset = logged.offset
        await self.world.deliver(logged.event)
        received = {name for name, client in self.world.clients.items() if client.wire.take()}
        if entitled is not None:
            assert received == entitled.keys() & self.world.clients.keys(), logged.event.roles

    @invariant()
    def nothing_is_left_behind(self) -> None:
        if not self.world.clients:
            assert self.world.hub.is_empty


LiveRoles.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
test_events_reach_exactly_those_entitled_at_their_commit = LiveRoles.TestCase
