"""The chat of docs/channels.md, run as it stands with unmodified SDKs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path
from queue import Empty, Queue

import pytest

from tests.sdk.node import JAVASCRIPT
from tests.support.server import TidewireServer

EXAMPLE = Path(__file__).parents[2] / "examples" / "channels"


class Chat:
    """One person at the example."""

    def __init__(self, directory: Path, name: str, server: TidewireServer) -> None:
        self.process = subprocess.Popen(
            ["node", "--import", "./shim.mjs", "chat.mjs", name, server.endpoint, server.project],
            cwd=directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.lines: Queue[str] = Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def say(self, text: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def hears(self, line: str, meanwhile: Chat | None = None) -> None:
        """Wait until a line is printed, while somebody says it again and again."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if meanwhile is not None:
                meanwhile.say(line.partition(": ")[2])
            try:
                while self.lines.get(timeout=0.5) != line:
                    pass
            except Empty:
                continue
            return
        raise AssertionError(f"{line!r} was not heard")

    def end(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        assert self.process.wait(60) == 0
        assert self.process.stdout
        self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.put(line.strip())


@pytest.mark.parametrize("sdk", ["appwrite-28", "appwrite", "appwrite-24"])
def test_the_chat_example(tmp_path: Path, sdk: str) -> None:
    server = TidewireServer(
        tmp_path / "data", ["--drain-seconds", "0.2", "--realtime-leave-seconds", "0.1"]
    ).start()
    directory = tmp_path / "chat"
    shutil.copytree(EXAMPLE, directory, ignore=shutil.ignore_patterns("node_modules"))
    (directory / "node_modules").mkdir()
    for name, package in (("appwrite", sdk), ("ws", "ws")):
        (directory / "node_modules" / name).symlink_to(JAVASCRIPT / "node_modules" / package)
    try:
        done = subprocess.run(
            ["./setup.sh", server.endpoint, server.project],
            cwd=directory,
            env={**os.environ, "KEY": server.create_key("realtime.read,realtime.write")},
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        )
        rule, message = map(json.loads, done.stdout.splitlines())
        assert (rule["$id"], rule["presence"], message["channel"]) == ("chat.*", True, "chat.lobby")
        ada = Chat(directory, "Ada", server)
        ada.hears("Ada: is anybody there?", meanwhile=ada)
        ben = Chat(directory, "Ben", server)
        ada.hears("(somebody came)")
        ada.hears("Ben: hello", meanwhile=ben)
        ben.hears("Ada: welcome", meanwhile=ada)
        ben.end()
        ada.hears("(somebody left)")
        ada.end()
    finally:
        server.stop()
