"""Publishing: how a message to a custom channel is checked, counted, recognised if repeated, and
delivered."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple
from weakref import WeakKeyDictionary

from msgspec import UNSET

from tidewire.channels.rates import Rates
from tidewire.channels.repeats import RepeatKey, Repeats
from tidewire.channels.rules import RuleBook
from tidewire.core.custom_channels import Broadcast, ChannelRule, holds_any, message_event
from tidewire.core.errors import TidewireError
from tidewire.core.events import Event
from tidewire.core.ids import unique_id
from tidewire.core.models.channels import RealtimeMessage
from tidewire.core.time import format_datetime, now
from tidewire.settings import Settings
from tidewire.store.engine.database import Database, Transaction
from tidewire.store.records.channel_rules import find_rule
from tidewire.store.records.sent_messages import SentMessage, find_sent, note_sent

_ATTEMPTS: Final = 5
"""How often a publication begins anew because a rule was changed in the midst of it."""


@dataclass(frozen=True, slots=True)
class Publisher:
    """The sender of messages."""

    name: str
    """``user:<id>``, ``guest`` or ``key``: an idempotency key counts for this publisher alone."""
    roles: Sequence[str] | None
    """The roles of the sender; None: a program with an API key, which may publish wherever there is a
    rule."""
    source: str = ""
    """The name that the rate is counted under; empty: it is not counted."""
    user_id: str = ""


class Draft(NamedTuple):
    """A message as it is sent."""

    channel: str
    payload: bytes
    """One encoded JSON object."""
    key: str = ""
    """Idempotency key; empty: none."""


class Receipt(NamedTuple):
    """A message as it was taken."""

    id: str
    channel: str
    created_at: int
    """Milliseconds since the epoch."""
    offset: int
    """Offset in the event log; 0: the message is not kept."""

    @property
    def model(self) -> RealtimeMessage:
        """The receipt as publishers are told it."""
        return RealtimeMessage(
            id=self.id,
            created_at=format_datetime(self.created_at),
            channel=self.channel,
            offset=self.offset or UNSET,
        )


class _RuleChangedError(Exception):
    """A rule was changed, so that messages are kept now that were not, or the other way."""


class Channels:
    """The custom channels of all projects, for one process. Belongs to one event loop."""

    def __init__(
        self,
        settings: Settings,
        broadcast: Broadcast | None = None,
        announce: Callable[[RepeatKey, SentMessage], None] = lambda _key, _sent: None,
    ) -> None:
        """Without ``broadcast`` there are no connections to deliver to.

        ``announce`` tells other processes of a message that was sent with an idempotency key.
        """
        self._settings = settings
        self._broadcast = broadcast
        self._announce = announce
        self._rules: WeakKeyDictionary[Database, RuleBook] = WeakKeyDictionary()
        self._rates = Rates()
        self.repeats: Final = Repeats(
            settings.realtime_idempotency_seconds, settings.realtime_max_idempotency_keys
        )

    async def rule(self, database: Database, name: str) -> ChannelRule | None:
        """The rule for a channel of a project, as it is now."""
        book = self._rules.get(database)
        if book is None:
            book = self._rules[database] = RuleBook(database)
        return await book.find(name)

    async def publish(
        self, database: Database, publisher: Publisher, drafts: Sequence[Draft]
    ) -> list[Receipt]:
        """Send messages; a receipt for each. If one of them is refused, none is sent.

        Raises :class:`TidewireError` ``user_unauthorized``, ``channel_not_found``,
        ``general_argument_invalid``, ``general_rate_limit_exceeded`` or ``channel_message_conflict``.
        """
        for draft in drafts:
            self._check_size(draft)
        _check_keys(drafts)
        counted = False
        for _ in range(_ATTEMPTS):
            rules = [_permitted(await self.rule(database, each.channel), publisher, each) for each in drafts]
            if not counted:
                self._count(database.project_id, publisher, drafts, rules)
                counted = True
            try:
                return await self._send(database, publisher, drafts, rules)
            except _RuleChangedError:
                continue
        raise TidewireError(
            "general_resource_locked", "The rules of the channel are being changed: try again."
        )

    def _check_size(self, draft: Draft) -> None:
        most = self._settings.realtime_max_payload_bytes
        if len(draft.payload) > most:
            raise TidewireError(
                "general_argument_invalid",
                f"The payload of a message has at most {most} bytes as JSON, not {len(draft.payload)}.",
            )

    def _count(
        self, project_id: str, publisher: Publisher, drafts: Sequence[Draft], rules: Sequence[ChannelRule]
    ) -> None:
        if not self._settings.rate_limits:
            return
        wanted: dict[Hashable, tuple[int, int]] = {}
        by_channel = dict(zip((draft.channel for draft in drafts), rules, strict=True))
        for channel, number in Counter(draft.channel for draft in drafts).items():
            rule = by_channel[channel]
            limit = rule.rate or self._settings.realtime_channel_rate
            wanted[project_id, channel] = (number, limit)
            if publisher.source:
                own = rule.publisher_rate or self._settings.realtime_publisher_rate
                wanted[project_id, channel, publisher.source] = (number, own)
        beyond = self._rates.exceeded(wanted)
        if beyond is not None:
            limit = wanted[beyond][1]
            who = "one publisher" if isinstance(beyond, tuple) and len(beyond) == 3 else "all publishers"
            raise TidewireError(
                "general_rate_limit_exceeded",
                f"The channel takes {limit} messages a second from {who}: try again in a second.",
            )

    async def _send(
        self, database: Database, publisher: Publisher, drafts: Sequence[Draft], rules: Sequence[ChannelRule]
    ) -> list[Receipt]:
        moment = now()
        receipts: dict[int, Receipt] = {}
        fresh: list[int] = []
        for number, (draft, rule) in enumerate(zip(drafts, rules, strict=True)):
            if not rule.history:
                sent = self._sent_before(database.project_id, publisher, draft)
                if sent is not None:
                    receipts[number] = _receipt(draft, sent)
                else:
                    fresh.append(number)
        if self._broadcast is not None and not self._broadcast.has_room(database.project_id, len(fresh)):
            raise TidewireError(
                "general_rate_limit_exceeded",
                "More messages wait for delivery than the server holds: try again in a second.",
            )
        kept = [number for number, rule in enumerate(rules) if rule.history]
        if kept:
            chosen = [drafts[number] for number in kept]
            taken = await database.write(
                lambda transaction: self._keep(transaction, publisher, chosen, moment)
            )
            receipts.update(zip(kept, taken, strict=True))
        for number in fresh:
            receipts[number] = self._pass_on(
                database.project_id, publisher, drafts[number], rules[number], moment
            )
        return [receipts[number] for number in range(len(drafts))]

    def _pass_on(
        self, project_id: str, publisher: Publisher, draft: Draft, rule: ChannelRule, moment: int
    ) -> Receipt:
        # Looked at once more: an earlier message of the same batch may have had the same key.
        sent = self._sent_before(project_id, publisher, draft)
        if sent is None:
            message_id = unique_id()
            event = _event(message_id, publisher, draft, rule, moment)
            if self._broadcast is not None:
                self._broadcast.broadcast(project_id, event)
            sent = SentMessage(_digest(draft), message_id, moment, 0)
            if draft.key:
                key = RepeatKey(project_id, draft.channel, publisher.name, draft.key)
                self.repeats.note(key, sent)
                self._announce(key, sent)
        return _receipt(draft, sent)

    def _sent_before(self, project_id: str, publisher: Publisher, draft: Draft) -> SentMessage | None:
        if not draft.key:
            return None
        sent = self.repeats.find(RepeatKey(project_id, draft.channel, publisher.name, draft.key))
        return _same(draft, sent)

    def _keep(
        self, transaction: Transaction, publisher: Publisher, drafts: Sequence[Draft], moment: int
    ) -> list[Receipt]:
        """Write messages to the event log, by the rules as they are in this transaction."""
        connection = transaction.connection
        receipts = []
        for draft in drafts:
            rule = _permitted(find_rule(connection, draft.channel), publisher, draft)
            if not rule.history:
                raise _RuleChangedError
            sent = draft.key and find_sent(connection, draft.channel, publisher.name, draft.key)
            known = _same(draft, sent or None)
            if known is None:
                message_id = unique_id()
                event = _event(message_id, publisher, draft, rule, moment)
                known = SentMessage(_digest(draft), message_id, moment, transaction.append(event).offset)
                if draft.key:
                    until = moment + round(self._settings.realtime_idempotency_seconds * 1000)
                    note_sent(connection, draft.channel, publisher.name, draft.key, known, until)
            receipts.append(_receipt(draft, known))
        return receipts


def _check_keys(drafts: Sequence[Draft]) -> None:
    digests: dict[tuple[str, str], str] = {}
    for draft in drafts:
        if draft.key and digests.setdefault((draft.channel, draft.key), _digest(draft)) != _digest(draft):
            raise _conflict()


def _permitted(rule: ChannelRule | None, publisher: Publisher, draft: Draft) -> ChannelRule:
    """The rule, if it lets the publisher send; other publishers do not learn whether there is one."""
    if publisher.roles is None:
        if rule is None:
            raise TidewireError(
                "channel_not_found",
                f"There is no rule for the channel {draft.channel!r}, so nobody could read it: create one.",
            )
        return rule
    if rule is None or not holds_any(publisher.roles, rule.publish):
        raise TidewireError(
            "user_unauthorized", f"You are not authorized to publish on the channel {draft.channel!r}."
        )
    return rule


def _event(message_id: str, publisher: Publisher, draft: Draft, rule: ChannelRule, moment: int) -> Event:
    """The event of a message, for those who may read the channel by its ``rule``."""
    by = publisher.user_id
    return message_event(draft.channel, message_id, draft.payload, rule.read, actor_id=by, timestamp=moment)


def _same(draft: Draft, sent: SentMessage | None) -> SentMessage | None:
    """The message that was sent with the draft's key. Raises ``channel_message_conflict`` if it differs."""
    if sent is not None and sent.digest != _digest(draft):
        raise _conflict()
    return sent


def _conflict() -> TidewireError:
    return TidewireError(
        "channel_message_conflict",
        "Another payload was sent with this idempotency key: use a new key for a new message.",
    )


def _digest(draft: Draft) -> str:
    return hashlib.blake2b(draft.payload, digest_size=16).hexdigest() if draft.key else ""


def _receipt(draft: Draft, sent: SentMessage) -> Receipt:
    return Receipt(sent.id, draft.channel, sent.created_at, sent.offset)
