"""A real Tidewire server in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from unittest.mock import patch

from click.testing import CliRunner

from tests.support.launcher import Launched
from tidewire.cli import main

START_SECONDS = 30
PROGRAM = (sys.executable, "-m", "tidewire")


@dataclass
class TidewireServer:
    """``tidewire serve`` on a data directory; can be killed and started again on the same port."""

    data_dir: Path
    arguments: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=lambda: {"TIDEWIRE_RATE_LIMITS": "off"})
    port: int = 0
    project: str = ""
    endpoint: str = ""
    process: subprocess.Popen[str] | Launched | None = None
    errors: Path | None = None
    """File that standard error is appended to; None: it is that of the tests."""
    program: tuple[str, ...] = ()
    """Command line of an interpreter that is to start for it, as where memory or the start itself is tested;
    none: it is forked from a process that has imported Tidewire."""

    def start(self) -> Self:
        """Start and wait until requests are answered."""
        arguments = ["serve", "--port", str(self.port), "--data-dir", str(self.data_dir), *self.arguments]
        environment = {**os.environ, **self.environment}
        if self.program:
            self.process = self._interpreted(arguments, environment)
        else:
            self.process = Launched(arguments, environment, self.errors)
        assert self.process.stdout
        announced = ""
        while not (ready := re.search(r"Endpoint +(\S+)\s+Project +(\S+)[\s\S]*Data", announced)):
            line = self.process.stdout.readline()
            if not line:
                self.process.stdout.close()
                raise RuntimeError(f"the server ended with {self.process.wait()}: {announced}")
            announced += line
        self.endpoint, self.project = ready[1], ready[2]
        self.port = int(re.findall(r":(\d+)/", self.endpoint)[0])
        return self

    @property
    def realtime(self) -> str:
        """Address of the realtime endpoint."""
        return self.endpoint.replace("http", "ws", 1) + "/realtime"

    def create_key(self, scopes: str = "all") -> str:
        """Secret of a new API key."""
        return self.command("key", "create", "--project", self.project, "--scopes", scopes)

    def command(self, *arguments: str) -> str:
        """Run another ``tidewire`` command on the same data directory; return what it prints."""
        if self.program in {(), PROGRAM}:
            return run_here(*arguments, "--data-dir", str(self.data_dir))
        return subprocess.run(
            [*self.program, *arguments, "--data-dir", str(self.data_dir)],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    def kill(self) -> None:
        """End the process at once, without any chance to clean up."""
        assert self.process
        self.process.kill()
        self._end()

    def workers(self) -> list[str]:
        """The numbers of its worker processes."""
        assert self.process
        number = self.process.pid
        return Path(f"/proc/{number}/task/{number}/children").read_text().split()

    def kill_all(self) -> None:
        """End the process and its workers at once."""
        assert self.process
        workers = self.workers()
        self.process.kill()
        for worker in workers:
            os.kill(int(worker), signal.SIGKILL)
        self._end()
        while any(lives(worker) for worker in workers):
            time.sleep(0.01)

    def stop(self) -> int:
        """Ask the process to drain and stop; return its exit code."""
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        return self._end()

    def _interpreted(self, arguments: list[str], environment: dict[str, str]) -> subprocess.Popen[str]:
        with self.errors.open("a") if self.errors else nullcontext() as errors:
            return subprocess.Popen(
                [*self.program, *arguments], stdout=subprocess.PIPE, stderr=errors, env=environment, text=True
            )

    def _end(self) -> int:
        assert self.process
        assert self.process.stdout
        code = self.process.wait(timeout=30)
        self.process.stdout.close()
        self.process = None
        return code


def run_here(*arguments: str) -> str:
    """Run a ``tidewire`` command in this process, where it need not start; return what it prints."""
    umask = os.umask(0)
    os.umask(umask)
    try:
        # In a thread, which has no event loop yet. Loggers keep the stream that they are given first, and
        # this one ends.
        with patch("tidewire.cli.instance.configure_logging"), ThreadPoolExecutor(1) as thread:
            result = thread.submit(CliRunner().invoke, main, arguments).result()
    finally:
        os.umask(umask)
    assert result.exit_code == 0, result.output
    return result.stdout.strip()


def lives(process: str) -> bool:
    """Whether a process has not ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
