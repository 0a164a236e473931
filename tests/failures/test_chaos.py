"""Nothing is lost while connections are cut and the server is killed; with real SDKs."""

from __future__ import annotations

import os
from pathlib import Path

from tests.chaos.ledger import Ledger, Receipt, Row, Subscriber, judge
from tests.chaos.run import Chaos, Size
from tests.chaos.storm import storm

LOG = [Row(f"row{number}", "users" if number == 3 else "any", number % 2) for number in range(6)]
GUEST = Subscriber("guest", frozenset({"any"}), "", 1)


def quiet(phase: str, done: int, total: int) -> None:
    """The test shows no progress."""


def receipts(*given: tuple[int, int]) -> Ledger:
    return Ledger(GUEST, [Receipt(connection, f"row{number}") for connection, number in given])


def test_what_is_sound() -> None:
    assert judge(receipts((1, 1), (1, 5)), LOG).sound
    again = judge(receipts((1, 1), (2, 1), (2, 5)), LOG)
    assert (again.sound, again.duplicates, again.expected) == (True, 1, 2)


def test_what_is_not_sound() -> None:
    assert judge(receipts((1, 1)), LOG).missing == ["row5"]
    assert judge(receipts((1, 1), (1, 3), (1, 5)), LOG).unexpected == ["row3"]
    assert judge(receipts((1, 1), (1, 2), (1, 5)), LOG).unexpected == ["row2"]
    assert judge(receipts((1, 5), (1, 1)), LOG).out_of_order
    assert judge(receipts((1, 5), (2, 1)), LOG).out_of_order == ["row1"]
    assert judge(receipts((1, 1), (1, 1), (1, 5)), LOG).repeated_on_one_connection == ["row1"]


def test_pages_may_get_late_what_their_browser_threw_away_but_get_it() -> None:
    cached = receipts((1, 5), (2, 1), (2, 5))
    cached.page = True
    assert judge(cached, LOG).sound
    for wrong in ([(1, 5), (1, 1)], [(1, 5)], [(1, 1), (1, 1), (1, 5)]):
        page = receipts(*wrong)
        page.page = True
        assert not judge(page, LOG).sound


async def test_nothing_is_lost_under_cuts_and_kills(tmp_path: Path) -> None:
    """Every run takes another course; a failing one says by which seed."""
    seed = int.from_bytes(os.urandom(4))
    size = Size(clients=24, events=600, cuts=40, kills=1, seed=seed, workers=1 + seed % 2)
    outcome = await Chaos(tmp_path, size, quiet).run()
    assert outcome.sound, f"seed {seed}: " + "\n".join(
        str(judgement) for judgement in outcome.judgements if not judgement.sound
    )
    assert outcome.events == size.events
    assert outcome.troubles["kill -9"] == 1


async def test_all_come_back_after_a_restart_and_miss_nothing(tmp_path: Path) -> None:
    outcome = await storm(tmp_path, 300, quiet)
    assert outcome.sound, outcome
    assert outcome.healthy_during
