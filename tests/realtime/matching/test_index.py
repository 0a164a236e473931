"""The matching index: vectors, and a comparison with the plain definition of a match."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.realtime.world import Client
from tests.vectors import Case, load_cases
from tidewire.core.realtime_queries import Attributes, compile_queries, parse_realtime_queries
from tidewire.realtime.matching.audience import Audience
from tidewire.realtime.matching.index import MAX_KNOWN, Index
from tidewire.realtime.matching.matcher import Payload
from tidewire.realtime.receivers.filters import Filter
from tidewire.realtime.receivers.receiver import Subscription


def _subscription(client: Client, name: str, channels: Iterable[str], texts: list[str]) -> Subscription:
    return Subscription(client, name, channels, Filter.of(parse_realtime_queries(texts)), since=0)


def audience_of(
    index: Index, channels: Sequence[str], roles: Sequence[str], payload: Payload, offset: int
) -> Audience:
    """Who gets an event, once its queries have been asked."""
    found = index.select(channels, roles, payload, offset)
    if isinstance(found, Audience):
        return found
    while not found.go_on():
        pass
    return found.audience()


def _match(index: Index, roles: list[str], channels: list[str], payload: Any) -> dict[str, set[str]]:
    matches = index.match(channels, roles, Payload(msgspec.json.encode(payload)), offset=1)
    names = {}
    for client, matched in matches.items():
        assert isinstance(client, Client)
        several = [matched] if isinstance(matched, Subscription) else list(matched)
        names[client.name] = {one.id for one in several}
        assert len(names[client.name]) == len(several)
    assert _audience(index, roles, channels, payload) == names
    return names


def _audience(index: Index, roles: list[str], channels: list[str], payload: Any) -> dict[str, set[str]]:
    """The same as fan-out sees it, which may be kept from an earlier event."""
    audience = audience_of(index, channels, roles, Payload(msgspec.json.encode(payload)), offset=1)
    names = {}
    for place, (client, tail) in enumerate(zip(audience.receivers, audience.tails, strict=True)):
        assert isinstance(client, Client)
        assert audience.place(client) == place
        (length, form), stop = audience.shape(place)
        assert (length, form) == (len(tail), client.form)
        assert place < stop <= len(audience)
        names[client.name] = set(json.loads(tail))
    return names


@pytest.mark.parametrize("case", load_cases("subscribe_matching"))
def test_vectors(case: Case) -> None:
    index = Index()
    for name, connection in case["connections"].items():
        client = Client(name)
        client.roles = tuple(connection["roles"])
        client.user_id = next((role[5:] for role in client.roles if role.startswith("user:")), "")
        index.join(client)
        for each in connection["subscriptions"]:
            index.add(_subscription(client, each["id"], each["channels"], each["queries"]))
    event = case["event"]
    if event["project"] != case["project"]:
        return  # each project has an index of its own
    matched = _match(index, event["roles"], event["channels"], event["payload"])
    assert matched == {name: set(ids) for name, ids in case["expected"].items()}


USERS = ["u1", "u2"]
TEAM_ROLES = ["team:a", "team:b", "team:a/owner", "label:x"]
USER_ROLES = [f"user:{user}{suffix}" for user in USERS for suffix in ("", "/verified", "/unverified")]
CLASS_ROLES = ["any", "guests", "users", "users/verified", "users/unverified"]
EVENT_ROLES = [*CLASS_ROLES, *TEAM_ROLES, *USER_ROLES, "member:m1", "member:m2"]
CHANNELS = ["files", "rows", "documents"]
VALUES = st.sampled_from([1, 1.0, True, None, "1", "a", [1], 2, -3.5, 1e300, "ab", "é", 10**30])
ENDS = st.sampled_from([1, 2, 0, -4, 1.5, 1e300, -(10**30), "a", "aa", "b", ""])
NUMBERS = st.lists(st.sampled_from([-4, 0, 1, 1.5, 2, 10**30]), min_size=2, max_size=2)
TEXTS = st.lists(st.sampled_from(["", "1", "a", "aa", "b"]), min_size=2, max_size=2)


def _query(method: str, attribute: str, values: list[Any]) -> str:
    return json.dumps({"method": method, "attribute": attribute, "values": values})


queries = st.lists(
    st.one_of(
        st.builds(
            _query,
            st.sampled_from(["equal", "notEqual"]),
            st.sampled_from("ab"),
            st.lists(VALUES, max_size=3),
        ),
        st.builds(
            _query,
            st.sampled_from(["lessThan", "lessThanEqual", "greaterThan", "greaterThanEqual"]),
            st.sampled_from("ab"),
            st.lists(ENDS, min_size=1, max_size=2),
        ),
        st.builds(_query, st.just("between"), st.sampled_from("ab"), st.one_of(NUMBERS, TEXTS)),
        st.just('{"method":"select","values":["*"]}'),
    ),
    max_size=3,
)


@st.composite
def people(draw: st.DrawFn) -> tuple[str, tuple[str, ...]]:
    """A user id and roles such as connections have, and a few that they have not."""
    user = draw(st.sampled_from(["", *USERS]))
    if not user:
        return "", draw(st.sampled_from([("guests",), (), ("label:x",)]))
    verified = draw(st.sampled_from(["verified", "unverified"]))
    own = (f"user:{user}", "users", f"user:{user}/{verified}", f"users/{verified}")
    shared = draw(st.lists(st.sampled_from(TEAM_ROLES), unique=True))
    member = draw(st.sampled_from([(), (f"member:m{user[1]}",)]))
    return user, (*own, *shared, *member)


class IndexMachine(RuleBasedStateMachine):
    """Connections come, change and go; every event reaches exactly whom it should."""

    def __init__(self) -> None:
        super().__init__()
        self.index = Index()
        self.clients: list[Client] = []
        self.connected = 0
        self.texts: dict[Subscription, list[str]] = {}

    @rule(person=people())
    def connect(self, person: tuple[str, tuple[str, ...]]) -> None:
        self.connected += 1
        client = Client(f"c{self.connected}")
        client.user_id, client.roles = person
        client.form = len(self.clients) % 3
        self.index.join(client)
        self.clients.append(client)

    @rule(
        data=st.data(), channels=st.lists(st.sampled_from(CHANNELS), unique=True, min_size=1), texts=queries
    )
    def subscribe(self, data: st.DataObject, channels: list[str], texts: list[str]) -> None:
        if self.clients:
            client = data.draw(st.sampled_from(self.clients))
            name = data.draw(st.sampled_from(["s1", "s2", "longer"]))
            if name in client.subscriptions:
                self.index.remove(client.subscriptions[name])
            subscription = _subscription(client, name, channels, texts)
            self.index.add(subscription)
            self.texts[subscription] = texts

    @rule(data=st.data())
    def unsubscribe(self, data: st.DataObject) -> None:
        held = [one for client in self.clients for one in client.subscriptions.values()]
        if held:
            self.index.remove(data.draw(st.sampled_from(held)))

    @rule(data=st.data(), person=people())
    def become(self, data: st.DataObject, person: tuple[str, tuple[str, ...]]) -> None:
        if self.clients:
            client = data.draw(st.sampled_from(self.clients))
            self.index.move(client, *person, list(client.subscriptions.values()))

    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        if self.clients:
            client = data.draw(st.sampled_from(self.clients))
            self.clients.remove(client)
            self.index.leave(client)

    @rule(
        roles=st.lists(st.sampled_from(EVENT_ROLES), max_size=4),
        channels=st.lists(st.sampled_from(CHANNELS), unique=True),
        payload=st.dictionaries(st.sampled_from("ab"), VALUES),
    )
    def publish(self, roles: list[str], channels: list[str], payload: dict[str, Any]) -> None:
        expected: dict[str, set[str]] = {}
        for client in self.clients:
            if not client.roles or not ("any" in roles or set(roles) & set(client.roles)):
                continue
            for subscription in client.subscriptions.values():
                wanted = compile_queries(parse_realtime_queries(self.texts[subscription]))
                if set(channels) & set(subscription.channels) and (
                    wanted is None or wanted(Attributes(payload))
                ):
                    expected.setdefault(client.name, set()).add(subscription.id)
        assert _match(self.index, roles, channels, payload) == expected

    @invariant()
    def what_is_kept_is_true(self) -> None:
        """The same events again and again, whatever happens in between."""
        for roles in (["any"], ["users", "team:a", "user:u1"], ["guests", "member:m1"]):
            _match(self.index, roles, ["files", "rows"], {"a": 1})

    @invariant()
    def nothing_is_left_behind(self) -> None:
        if not self.clients:
            assert self.index.is_empty


IndexMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
test_against_the_definition = IndexMachine.TestCase


def test_who_matches_the_same_is_found_once() -> None:
    index, clients = Index(), [Client(f"c{number}") for number in range(3)]
    for client in clients:
        client.roles = ("guests",)
        index.join(client)
        index.add(_subscription(client, "s", ["files"], []))
    payload = Payload(b"{}")
    first = audience_of(index, ["files", "files.a"], ["any"], payload, offset=1)
    assert audience_of(index, ["files.b", "files"], ["any"], payload, offset=2) is first
    index.add(_subscription(clients[0], "s2", ["files.b"], []))
    second = audience_of(index, ["files.b", "files"], ["any"], payload, offset=3)
    assert sorted(second.tails) == [b'["s"]', b'["s"]', b'["s2","s"]']
    assert audience_of(index, ["files.a", "files"], ["any"], payload, offset=4) is first
    index.leave(clients[1])
    assert len(audience_of(index, ["files"], ["any"], payload, offset=5)) == 2
    index.add(_subscription(clients[2], "s2", ["files"], ['{"method":"equal","attribute":"a","values":[1]}']))
    third = audience_of(index, ["files"], ["any"], payload, offset=6)
    assert audience_of(index, ["files"], ["any"], payload, offset=7) is not third, "it depends on the payload"


def test_what_is_for_anyone_is_the_same_for_everybody_else() -> None:
    index, client = Index(), Client("c")
    client.roles = ("users",)
    index.join(client)
    index.add(_subscription(client, "s", ["files"], []))
    first = audience_of(index, ["files"], ["any", "user:a"], Payload(b"{}"), offset=1)
    assert audience_of(index, ["files"], ["user:b", "any"], Payload(b"{}"), offset=2) is first


def test_no_more_receivers_are_kept_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidewire.realtime.matching.index.MAX_KNOWN_RECEIVERS", 5)
    index = Index()
    for number in range(3):
        client = Client(f"c{number}")
        client.roles = ("users",)
        index.join(client)
        index.add(_subscription(client, "s", ["files"], []))
    for roles in (["users", "label:a"], ["users", "label:b"], ["users", "label:c"]):
        assert len(audience_of(index, ["files"], roles, Payload(b"{}"), offset=1)) == 3
        assert len(index._known) == 1
        assert index._known_receivers == 3


def test_no_more_audiences_are_kept_than_may_be() -> None:
    index, client = Index(), Client("c")
    client.roles = ("users", "label:0")
    index.join(client)
    index.add(_subscription(client, "s", ["files"], []))
    for number in range(3 * MAX_KNOWN):
        roles = ["users", f"label:{number}"]
        assert len(audience_of(index, ["files"], roles, Payload(b"{}"), offset=1)) == 1
    assert len(index._known) == MAX_KNOWN
    assert len(index._channels["files"].known or ()) == MAX_KNOWN
    index.leave(client)
    assert not index._known
    assert index._known_receivers == 0


def test_events_before_a_subscription_are_not_taken_from_what_is_kept() -> None:
    index, clients = Index(), [Client("early"), Client("late")]
    for client, since in zip(clients, (0, 5), strict=True):
        client.roles = ("guests",)
        index.join(client)
        index.add(Subscription(client, "s", ["files"], None, since))
    sizes = [len(audience_of(index, ["files"], ["any"], Payload(b"{}"), offset)) for offset in (6, 5, 7, 4)]
    assert sizes == [2, 1, 2, 1]
