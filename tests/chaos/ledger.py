"""What clients received, and the judgement on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(frozen=True)
class Row:
    """A row that was written; its event is in the log exactly once."""

    id: str
    audience: str
    """Role that may read it."""
    shard: int


@dataclass(frozen=True)
class Subscriber:
    """A client, who it is, and what it asks for."""

    name: str
    roles: frozenset[str]
    session: str = field(repr=False)
    """Empty for a guest."""
    shard: int | None
    """Only rows of this shard, by a query; None for all."""

    def entitled(self, row: Row) -> bool:
        """Whether the event of a row must reach it."""
        return row.audience in self.roles and self.shard in (None, row.shard)


class Receipt(NamedTuple):
    """An event as a client received it."""

    connection: int
    """Number of the client's connection, from 1."""
    row_id: str


@dataclass
class Ledger:
    """Everything that one client received, in order."""

    subscriber: Subscriber
    receipts: list[Receipt] = field(default_factory=list)
    connections: int = 0
    ready: bool = False
    page: bool = False
    """It is a page in a browser. One that comes back from the cache may be given the newest of what its
    browser received for it, not what came before that: this comes with its next connection."""

    def received(self) -> set[str]:
        """Ids of the rows whose events arrived."""
        return {receipt.row_id for receipt in self.receipts}


@dataclass(frozen=True)
class Judgement:
    """The end of a run for one client."""

    name: str
    expected: int
    missing: list[str]
    unexpected: list[str]
    out_of_order: list[str]
    repeated_on_one_connection: list[str]
    duplicates: int
    """Events that came again on a later connection, which at-least-once delivery allows."""

    @property
    def sound(self) -> bool:
        """Nothing is wrong."""
        return not (self.missing or self.unexpected or self.out_of_order or self.repeated_on_one_connection)

    def __str__(self) -> str:
        wrong = {
            "missing": self.missing,
            "unexpected": self.unexpected,
            "out of order": self.out_of_order,
            "repeated on one connection": self.repeated_on_one_connection,
        }
        said = [f"{len(rows)} {what} ({', '.join(rows[:5])})" for what, rows in wrong.items() if rows]
        return f"{self.name}, of {self.expected} events: {'; '.join(said) or 'all in order'}"


def judge(ledger: Ledger, log: list[Row]) -> Judgement:
    """Compare what a client received with ``log``, the rows in the order of their events."""
    position = {row.id: number for number, row in enumerate(log)}
    expected = [row.id for row in log if ledger.subscriber.entitled(row)]
    received = ledger.received()
    out_of_order: list[str] = []
    repeated: list[str] = []
    newest: dict[int, int] = {}
    first_seen: set[str] = set()
    highest = -1
    for receipt in ledger.receipts:
        at = position.get(receipt.row_id, -1)
        before = newest.get(receipt.connection, -1)
        if at == before:
            repeated.append(receipt.row_id)
        elif at < before:
            out_of_order.append(receipt.row_id)
        newest[receipt.connection] = max(at, before)
        if receipt.row_id not in first_seen:
            if at < highest and not ledger.page:
                out_of_order.append(receipt.row_id)
            first_seen.add(receipt.row_id)
            highest = max(highest, at)
    return Judgement(
        ledger.subscriber.name,
        len(expected),
        [row_id for row_id in expected if row_id not in received],
        sorted(received - set(expected)),
        out_of_order,
        repeated,
        len(ledger.receipts) - len(received),
    )
