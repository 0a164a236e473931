"""Real SDKs of every generation of the realtime protocol, in Node."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from tests.sdk.node import JAVASCRIPT, run_node
from tests.support.platforms import register_platform
from tests.support.server import TidewireServer
from tidewire.core.origins import Platform
from tidewire.settings import Settings
from tidewire.store.instance.instance import DEFAULT_PROJECT_ID, Instance


@pytest.fixture(scope="module")
def restarted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TidewireServer]:
    """A server whose project has an iOS app, and that may be stopped and started."""
    data_dir = tmp_path_factory.mktemp("generations") / "data"
    asyncio.run(_register_app(data_dir))
    running = TidewireServer(data_dir, ["--drain-seconds", "0.2"]).start()
    yield running
    assert running.stop() == 0


async def _register_app(data_dir: Path) -> None:
    instance = await Instance.open(Settings(data_dir=str(data_dir)))
    try:
        await register_platform(
            instance, DEFAULT_PROJECT_ID, "Tides", Platform("apple", "", "org.example.tides")
        )
    finally:
        await instance.close()


def run_generation(server: TidewireServer, sdk: str, style: str) -> Any:
    """Run an SDK through the whole of realtime; restart the server when it asks for that."""
    command = ["node", "generations.mjs", sdk, style, server.endpoint, server.project, server.create_key()]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=JAVASCRIPT, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as node:
        assert node.stdout and node.stderr
        if node.stdout.readline() == '{"restart":true}\n':
            assert server.stop() == 0
            server.start()
        outcome, complaint = node.communicate("done\n")
        assert outcome, complaint
        return json.loads(outcome)


URL_ONLY = {"authentication"}
MESSAGES = {"authentication", "subscribe"}


@pytest.mark.parametrize(
    ("sdk", "style", "sent"),
    [
        ("appwrite-21", "client", URL_ONLY),
        ("appwrite-24", "client", URL_ONLY),
        ("appwrite-24", "service", URL_ONLY),
        ("appwrite", "client", MESSAGES),
        ("appwrite", "service", MESSAGES | {"unsubscribe"}),
        ("appwrite-28", "client", MESSAGES),
        ("appwrite-28", "service", MESSAGES | {"unsubscribe"}),
        ("react-native-appwrite", "client", MESSAGES),
        ("react-native-appwrite", "service", MESSAGES | {"unsubscribe"}),
    ],
)
def test_every_generation(restarted: TidewireServer, sdk: str, style: str, sent: set[str]) -> None:
    outcome = run_generation(restarted, sdk, style)
    received = outcome["received"]
    assert outcome["errors"] == []
    assert set(outcome["kinds"]) == sent
    assert outcome["compressed"]
    # What an SDK had received but not acknowledged before the restart comes again: names are looked at once.
    received = {name: list(dict.fromkeys(names)) for name, names in received.items()}
    assert received["all"] == ["one", "wanted", "after the update", "chosen"]
    assert received["bucket"] == ["one", "wanted", "chosen", "chosen again", "chosen at last"]
    assert received.get("queried", ["wanted", "wanted again"]) == ["wanted", "wanted again"]
    assert received["mine"][:3] == ["private", "Ada", "back"]
    queries = [dict(parse_qsl(address[1:])) for address in outcome["queries"]]
    assert all(("channels[]" in query) == (sent == URL_ONLY) for query in queries)
    assert 1012 in outcome["closed"]


@pytest.mark.parametrize(
    ("sdk", "style"),
    [
        ("appwrite", "client"),
        ("appwrite", "service"),
        ("appwrite-28", "service"),
        ("react-native-appwrite", "client"),
        ("react-native-appwrite", "service"),
    ],
)
def test_what_an_sdk_sends_in_one_frame_is_answered_row_by_row(
    restarted: TidewireServer, sdk: str, style: str
) -> None:
    """Hundreds of subscriptions, of which one is refused: each of the others hears its events."""
    many = 600 if style == "service" else 20
    outcome = run_node(
        "resubscribe.mjs",
        sdk,
        style,
        restarted.endpoint,
        restarted.project,
        restarted.create_key(),
        str(many),
    )
    assert outcome["heard"] == ["file0", f"file{many - 1}"]
    [(code, channels, queries)] = outcome["refused"]
    assert (code, channels, "limit" in queries[0]) == (1003, [], True)
    assert outcome["frames"] == 1
    assert outcome["errors"] == [1003]
    assert outcome["closed"] == [None]
    assert style == "client" or outcome["failures"] in ([1003], [])


@pytest.mark.parametrize("sdk", ["appwrite", "appwrite-28", "react-native-appwrite"])
def test_the_room_that_is_open_is_heard_however_fast_one_switches(
    restarted: TidewireServer, sdk: str
) -> None:
    """With the default limit of messages a minute, which all the others are far beyond."""
    outcome = run_node("rooms.mjs", sdk, restarted.endpoint, restarted.project, restarted.create_key(), "60")
    assert outcome["sent"] > 100
    assert outcome["heard"] == [outcome["last"]]
    assert outcome["failures"] == []
    assert outcome["sockets"] == 1
