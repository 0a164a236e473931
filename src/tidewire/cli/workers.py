"""Several worker processes on one listening socket: started, watched, replaced, stopped together."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable
from threading import Thread
from typing import Final, NoReturn

import click

from tidewire.cli.options import fail

POLL_SECONDS: Final = 0.2
REPLACE_AFTER_SECONDS: Final = 1.0
"""Pause before a worker that died is replaced, so that a broken one does not spin."""

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

RunWorker = Callable[[Callable[[str], None]], None]


def run_workers(count: int, run: RunWorker, announce: Callable[[str], None]) -> None:
    """Fork ``count`` workers that each call ``run(on_ready)``; return when a signal has stopped all.

    ``announce`` is called once, when every worker is ready, with the word that the last of them gave
    ``on_ready``. A worker that fails before it is
    ready ends the program with exit code 1: it would fail again. However this process ends, even
    killed, its workers drain and end then.
    """
    _Supervisor(count, run, announce).run()


class _Supervisor:
    def __init__(self, count: int, run: RunWorker, announce: Callable[[str], None]) -> None:
        self._count = count
        self._run_worker = run
        self._announce = announce
        self._workers: set[int] = set()
        self._stopping = False
        self._ready_pipe, self._ready = os.pipe()
        self._life_pipe, self._life = os.pipe()

    def run(self) -> None:
        for number in _SIGNALS:
            signal.signal(number, self._stop)
        for _ in range(self._count):
            self._fork()
        self._wait_until_ready()
        while self._workers:
            if self._reap() and not self._stopping:
                time.sleep(REPLACE_AFTER_SECONDS)
                self._fork()  # does nothing if the signal to stop came meanwhile
            time.sleep(POLL_SECONDS)

    def _wait_until_ready(self) -> None:
        told = b""
        while told.count(b"\n") < self._count and not self._stopping:
            if select.select([self._ready_pipe], [], [], POLL_SECONDS)[0]:
                told += os.read(self._ready_pipe, 4096)
            if self._reap():
                self._stop(signal.SIGTERM)
                fail("a worker failed to start")
        if not self._stopping:
            self._announce(told.decode().splitlines()[-1])

    def _fork(self) -> None:
        """Start a worker, unless all are to stop: a signal finds it among the workers or not started."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        worker = -1 if self._stopping else os.fork()
        if worker > 0:
            self._workers.add(worker)
        elif worker == 0:
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        if worker == 0:
            self._be_worker()

    def _be_worker(self) -> NoReturn:
        # The supervisor alone keeps its end of the pipe open, so that it closes when that ends.
        os.close(self._life)
        Thread(target=self._end_with_supervisor, name="tidewire-supervisor", daemon=True).start()
        try:
            self._run_worker(self._report_ready)
        except SystemExit as ended:
            os._exit(ended.code if isinstance(ended.code, int) else 1)
        except BaseException as error:
            click.echo(f"tidewire: worker {os.getpid()}: {error}", err=True)
            os._exit(1)
        os._exit(0)

    def _end_with_supervisor(self) -> None:
        os.read(self._life_pipe, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    def _report_ready(self, word: str) -> None:
        os.write(self._ready, f"{word}\n".encode())

    def _reap(self) -> bool:
        """Forget a worker that ended; True if it died rather than stopped."""
        try:
            worker, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if not worker:
            return False
        self._workers.discard(worker)
        died = os.waitstatus_to_exitcode(status) != 0
        if died:
            click.echo(f"tidewire: worker {worker} died", err=True)
        return died

    def _stop(self, number: int, _frame: object = None) -> None:
        self._stopping = True
        for worker in self._workers:
            os.kill(worker, number)
