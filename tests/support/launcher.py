"""Starts ``tidewire`` without the second that it takes an interpreter to import it.

A process that has imported Tidewire forks a child for each command, as a server forks each of its workers.
The child is a process as any other start makes one, with its own environment, output and signals; only the
command line that the system shows for it is another.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from tidewire.cli import main

_FORKING: Final = multiprocessing.get_context("forkserver")
_FORKING.set_forkserver_preload(["tidewire.cli.serve", __name__])


class Launched:
    """A running command, as far as tests use ``subprocess.Popen``."""

    def __init__(
        self, arguments: Sequence[str], environment: Mapping[str, str], errors: Path | None = None
    ) -> None:
        read, written = _FORKING.Pipe(duplex=False)
        given = (arguments, dict(environment), str(Path.cwd()), written, errors)
        # A daemon is asked to stop when the tests end, if the test that started it failed to.
        self._process = _FORKING.Process(target=_run, args=given, daemon=True)
        self._process.start()
        written.close()
        with read:
            self.stdout = os.fdopen(os.dup(read.fileno()))
        assert self._process.pid
        self.pid = self._process.pid

    def __del__(self) -> None:
        # A test that gives a server up, because it did not start or was killed, leaves its output open.
        if hasattr(self, "stdout"):
            self.stdout.close()

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        if self._process.exitcode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code when it has ended, negative for a signal."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            assert timeout
            raise subprocess.TimeoutExpired("tidewire", timeout)
        return self._process.exitcode


def run_apart(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end in a process of its own."""
    with NamedTemporaryFile() as errors:
        process = Launched(arguments, {**os.environ, **environment}, Path(errors.name))
        with process.stdout:
            output = process.stdout.read()
        return subprocess.CompletedProcess(arguments, process.wait(120), output, errors.read().decode())


def _run(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    folder: str,
    output: Connection,
    errors: Path | None,
) -> None:
    with output:
        os.dup2(output.fileno(), 1)
    if errors:
        with errors.open("a") as file:
            os.dup2(file.fileno(), 2)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    main(arguments, prog_name="tidewire")
