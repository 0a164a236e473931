"""Whether a new connection is let in: the checks in their order."""

from __future__ import annotations

from collections.abc import Sequence

from tidewire.core.ids import unique_id
from tidewire.core.origins import is_origin, is_page, origin_allowed, unknown_client
from tidewire.realtime.hub.hub import Hub
from tidewire.realtime.protocol import frames
from tidewire.realtime.protocol.messages import POLICY_VIOLATION, TOO_MUCH, MessageError
from tidewire.realtime.protocol.request import CONSOLE, Inputs
from tidewire.realtime.protocol.url_subscriptions import Slot, read_url_subscriptions
from tidewire.realtime.receivers.page_reading import Reading
from tidewire.realtime.receivers.subscriptions import Filter, Receiver
from tidewire.realtime.recovery.recovery import MISSED_UNKNOWN, Asked, url_key
from tidewire.realtime.session.connection_limits import ConnectLimit
from tidewire.realtime.session.conversation import check_user_limit
from tidewire.realtime.session.sign_in import Visitor
from tidewire.realtime.session.subscription_limits import beyond_address, beyond_limits, extent_of, total
from tidewire.settings import Settings
from tidewire.store.instance.platform import Project


class Doorkeeper:
    """The checks of a connection whose user is known, and its entrance. Nothing here waits."""

    def __init__(self, settings: Settings) -> None:
        self._own_hostnames = settings.hostnames
        self._extended_queries = settings.realtime_queries == "extended"
        self._limit = ConnectLimit(settings.realtime_connects_per_minute) if settings.rate_limits else None

    def admit(
        self,
        hub: Hub,
        receiver: Receiver,
        visitor: Visitor,
        inputs: Inputs,
        home: Project,
    ) -> bytes:
        """Let a connection in, with the subscriptions of its URL, and return the framed ``connected``.

        ``home`` is the project whose pages may connect. Raises :class:`MessageError`; nothing has
        changed then.
        """
        if self._limit is not None and not self._limit.admits(inputs.network):
            raise MessageError(
                TOO_MUCH,
                f"At most {self._limit.per_minute} connects a minute are taken from an address; try again "
                "in the next.",
                limit="connects a minute",
            )
        if inputs.origin is not None and not self._may_connect(inputs.origin, visitor, home):
            raise MessageError(
                POLICY_VIOLATION,
                unknown_client(inputs.origin[:200]),
                explanation=f"The origin {inputs.origin[:200]} may not use this project.",
            )
        identity = visitor.identity
        if visitor.user_id:
            check_user_limit(hub, visitor.user_id)
        wanted = read_url_subscriptions(
            inputs.parameters,
            None if visitor.key is not None else identity.user_id if identity else "",
            extended_queries=self._extended_queries,
        )
        _check_limits(hub, receiver, wanted.slots)
        if receiver.acknowledges and is_page(inputs.origin or ""):
            receiver.page = Reading(hub.received)
        hub.enter(receiver, identity, foreign=visitor.admin)
        if visitor.key is not None:
            hub.admit_program(receiver, inputs.key, visitor.key)
        if visitor.awaited is not None:
            hub.roles.await_factor(receiver, visitor.awaited)
        ids = {slot.name: unique_id() for slot in wanted.slots}
        session_id = identity.session_id if identity is not None and not visitor.admin else ""
        _subscribe(hub, receiver, session_id, [(ids[slot.name], slot) for slot in wanted.slots])
        account = identity.account if identity else None
        place = hub.place if visitor.key is None else {"program": True, **hub.place}
        return frames.connected(wanted.channels, ids if wanted.channels else None, account, place)

    def _may_connect(self, origin: str, visitor: Visitor, home: Project) -> bool:
        """Whether a page of this origin may: nobody's cookies serve a strange page."""
        if visitor.by_dev_key:
            return is_origin(origin)
        if home.id == CONSOLE and not visitor.user_id:
            return True  # any page may be a guest of the console
        return origin_allowed(origin, home.id, home.platforms, self._own_hostnames)


def _check_limits(hub: Hub, receiver: Receiver, slots: Sequence[Slot]) -> None:
    filters = [Filter.of(slot.queries) for slot in slots]
    asked = list(zip(slots, filters, strict=True))
    problem = beyond_limits(hub, total(extent_of(slot.channels, each) for slot, each in asked))
    if problem:
        # To try again would not help.
        raise MessageError(POLICY_VIOLATION, problem, limit="subscriptions")
    outlook = hub.spending.outlook(receiver.origin)
    for slot, each in asked:
        problem = beyond_address(hub, outlook, each, len(slot.channels))
        if problem:
            raise MessageError(TOO_MUCH, problem, limit="subscriptions")


def _subscribe(hub: Hub, receiver: Receiver, session_id: str, slots: Sequence[tuple[str, Slot]]) -> None:
    """Make the subscriptions of a URL; with a session it is known when the same URL comes back."""
    recovery = hub.recovery
    if recovery is None:
        for name, slot in slots:
            hub.subscribe(receiver, name, slot.channels, Filter.of(slot.queries))
        return
    asked = [
        Asked(
            url_key(session_id, slot.channels, slot.queries) if session_id else None,
            name,
            slot.channels,
            slot.queries,
        )
        for name, slot in slots
    ]
    known = recovery.look_up(receiver, [(each.id, False) for each in asked])
    if known is None:
        raise MessageError(TOO_MUCH, MISSED_UNKNOWN)
    starts = recovery.starts(receiver, asked, known)
    for each, start in zip(asked, starts, strict=True):
        hub.subscribe(receiver, each.name, each.channels, Filter.of(each.queries), start.since)
    hub.replay(receiver, {each.name for each, start in zip(asked, starts, strict=True) if start.recovered})
    recovery.keep(receiver, asked)
    if asked and not session_id:
        recovery.await_session(receiver, [each.name for each in asked])
