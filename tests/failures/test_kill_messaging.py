"""``kill -9`` while people are told: everybody is, and only those of the batches under way are told twice."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from tests.messaging.office import office
from tests.support.receiver import Received, Receiver, answer, running_receiver
from tidewire.outgoing.messaging.queue import BATCH
from tidewire.settings import Settings

RECIPIENTS = 400
KILLS = 2
AT_ONCE = Settings().messaging_batches_per_project * BATCH


def told(receiver: Receiver) -> Counter[str]:
    """How often each number was told."""
    return Counter(parse_qs(request.body.decode())["To"][0] for request in list(receiver.requests))


@pytest.mark.parametrize("workers", [1, 2])
def test_everybody_is_told(tmp_path: Path, workers: int) -> None:
    chance = random.Random(workers)

    async def reply(_: Received) -> bytes:
        await asyncio.sleep(0.02)
        return answer(201)

    with running_receiver(reply) as receiver:
        endpoint = f"twilio={receiver.url()[:-1]}"
        arguments = ["--workers", str(workers)]
        with office(tmp_path, arguments, TIDEWIRE_MESSAGING_ENDPOINTS=endpoint) as post:
            post.provider("twilio", accountSid="sid", authToken="t", **{"from": "+15005550006"})
            user = post.crowd("sms", RECIPIENTS)
            message = post.send("sms", users=[user])
            for kill in range(KILLS):
                before = len(receiver.requests)
                wanted = before + chance.randint(30, 120)
                while len(receiver.requests) < wanted:
                    time.sleep(0.005)
                if workers == 1:
                    post.server.kill()
                else:
                    post.server.kill_all()
                assert 0 < len(told(receiver)) < RECIPIENTS, kill
                post.server.start()
            shown = post.ended(message)
    counted = told(receiver)
    assert (shown["status"], shown["deliveredTotal"], len(counted)) == ("sent", RECIPIENTS, RECIPIENTS)
    assert max(counted.values()) <= 1 + KILLS
    assert sum(counted.values()) - RECIPIENTS <= KILLS * AT_ONCE
