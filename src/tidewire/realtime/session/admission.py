"""Admission: whether a new connection is let in, by checks in their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tidewire.core.ids import unique_id
from tidewire.core.origins import is_origin, is_page, origin_allowed, unknown_client
from tidewire.realtime.hub.hub import Hub
from tidewire.realtime.protocol.errors import POLICY_VIOLATION, TOO_MUCH, MessageError
from tidewire.realtime.protocol.messages import Since
from tidewire.realtime.protocol.request import CONSOLE, Inputs
from tidewire.realtime.protocol.url_subscriptions import Slot, read_url_subscriptions
from tidewire.realtime.receivers.filters import Filter
from tidewire.realtime.receivers.page_progress import PageProgress
from tidewire.realtime.receivers.receiver import Receiver
from tidewire.realtime.recovery.recovery import Start, SubscriptionRequest, url_key
from tidewire.realtime.session.connection_limits import ConnectLimit
from tidewire.realtime.session.conversation import check_user_limit
from tidewire.realtime.session.sign_in import Visitor
from tidewire.realtime.session.subscribing import start_subscriptions
from tidewire.realtime.session.subscription_limits import (
    exceeded_address_limit,
    exceeded_limit,
    footprint_of,
    total,
)
from tidewire.settings import Settings
from tidewire.store.instance.instance import Project


class Admission:
    """Checks connections whose users are known, and lets them in. No check waits for anything."""

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
        since: Since | None = None,
    ) -> tuple[bytes, list[Start]]:
        """Let a connection in, with the subscriptions of its URL.

        ``home`` is the project whose pages may connect. ``since``: up to where the client of an event stream
        has the events. Returns the message ``connected``, and where the events of each subscription begin.
        Raises :class:`MessageError` if the connection is refused.
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
            receiver.page = PageProgress(hub.progress.received)
        hub.enter(receiver, identity, foreign=visitor.admin)
        if visitor.key is not None:
            hub.admit_api_key(receiver, inputs.key, visitor.key)
        shown = visitor.awaited or visitor.impersonator
        if shown is not None:
            hub.roles.follow_session(receiver, shown)
        ids = {slot.name: unique_id() for slot in wanted.slots}
        session_id = identity.session_id if identity is not None and not visitor.admin else ""
        requests = _requests(wanted.slots, ids, session_id, since)
        starts = start_subscriptions(hub, receiver, requests)
        if hub.recovery is not None and requests and not session_id:
            hub.recovery.await_session(receiver, [each.name for each in requests])
        account = identity.account if identity else None
        position = hub.progress.position
        if visitor.key is not None:
            position = {"program": True, **position}
        answer = receiver.words.connected(
            wanted.channels, ids if wanted.channels else None, account, position
        )
        return answer, starts

    def _may_connect(self, origin: str, visitor: Visitor, home: Project) -> bool:
        """Whether a page of this origin may: nobody's cookies serve a strange page."""
        if visitor.by_dev_key:
            return is_origin(origin)
        if home.id == CONSOLE and not visitor.user_id:
            return True  # any page may be a guest of the console
        return origin_allowed(origin, home.id, home.platforms, self._own_hostnames)


def _check_limits(hub: Hub, receiver: Receiver, slots: Sequence[Slot]) -> None:
    asked = [(slot, Filter.of(slot.queries)) for slot in slots]
    problem = exceeded_limit(hub, total(footprint_of(slot.channels, each) for slot, each in asked))
    if problem:
        # To try again would not help.
        raise MessageError(POLICY_VIOLATION, problem, limit="subscriptions")
    preview = hub.index.query_costs.preview(receiver.origin)
    for slot, each in asked:
        problem = exceeded_address_limit(hub, preview, each, len(slot.channels))
        if problem:
            raise MessageError(TOO_MUCH, problem, limit="subscriptions")


def _requests(
    slots: Sequence[Slot], ids: Mapping[str, str], session_id: str, since: Since | None
) -> list[SubscriptionRequest]:
    """The subscriptions of a URL; with a session they are known when the same URL comes back."""
    return [
        SubscriptionRequest(
            url_key(session_id, slot.channels, slot.queries) if session_id else None,
            ids[slot.name],
            slot.channels,
            slot.queries,
            Filter.of(slot.queries),
            since,
        )
        for slot in slots
    ]
