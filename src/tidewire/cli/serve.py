"""``tidewire serve``: bind, start the worker processes, say where to connect."""

from __future__ import annotations

import errno
import os
import resource
import socket
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Final

import click
import structlog
import uvloop

from tidewire.cli.options import fail, keep_private
from tidewire.cli.settings import misspelt_variables
from tidewire.cli.workers import run_workers
from tidewire.logs import configure_logging
from tidewire.server import serve
from tidewire.services.geoip import GeoIpError
from tidewire.settings import Settings
from tidewire.store.instance.fresh import code_of_fresh_instance
from tidewire.store.instance.instance import DEFAULT_PROJECT_ID
from tidewire.store.machine.serving import AlreadyServedError, ServingLock

PORT_SECONDS: Final = 10.0
"""Seconds that workers whose supervisor was killed may take until they release the port."""

_ISOLATION: Final = {
    "bubblewrap": "kept apart by bubblewrap",
    "namespaces": "kept apart by namespaces",
    "limits": "bounded, but not kept apart: run only code of your own",
    "": "not run on this machine",
}
_log: Final = structlog.get_logger(__name__)


def run_server(settings: Settings) -> None:
    """Serve until a signal. Exit code 1 if the port or the data directory cannot be used."""
    configure_logging(settings.log_level)
    for problem in misspelt_variables():
        _log.warning("variable not understood", problem=problem)
    _raise_descriptor_limit()
    keep_private()
    with closing(_lock(settings)) as lock:
        listener = _bind(settings, patient=lock.after_death)
        lock.announce("{}:{}".format(*listener.getsockname()[:2]))
        if settings.workers == 1:
            _run_worker(settings, listener, partial(_announce, settings, listener))
            return

        def run(on_ready: Callable[[str], None]) -> None:
            lock.leave()
            _run_worker(settings, listener, on_ready)

        run_workers(settings.workers, run, partial(_announce, settings, listener))


def _lock(settings: Settings) -> ServingLock:
    try:
        return ServingLock(Path(settings.data_dir))
    except AlreadyServedError as error:
        fail(str(error))
    except OSError as error:
        fail(f"cannot use the data directory {settings.data_dir}: {error}")


def _raise_descriptor_limit() -> None:
    """Allow as many open files and connections as the system allows at all (getrlimit(2))."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(ValueError, OSError):  # without a limit there is none that could be set
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _bind(settings: Settings, *, patient: bool) -> socket.socket:
    """Listen; if ``patient``, wait for workers of a server that was killed to let go of the port."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    deadline = time.monotonic() + (PORT_SECONDS if patient else 0)
    while True:
        try:
            listener.bind((settings.host, settings.port))
            break
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() >= deadline:
                address = f"{settings.host}:{settings.port}"
                fail(f"cannot listen on {address}: {error.strerror}; choose another --host or --port")
        time.sleep(0.05)
    # Listening before the application is up lets early clients wait instead of being refused.
    listener.listen(4096)
    listener.setblocking(False)
    listener.set_inheritable(True)
    return listener


def _run_worker(settings: Settings, listener: socket.socket, on_ready: Callable[[str], None]) -> None:
    try:
        uvloop.run(serve(settings, listener, on_ready))
    except GeoIpError as error:
        fail(str(error))
    except OSError as error:
        fail(f"cannot use the data directory {settings.data_dir}: {error}")


def _announce(settings: Settings, listener: socket.socket, isolation: str) -> None:
    host, port = listener.getsockname()[:2]
    shown = "localhost" if host in {"0.0.0.0", "::", "127.0.0.1"} else host  # noqa: S104
    base = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}"
    click.echo(
        f"Tidewire is ready (stop with Ctrl+C).\n\n  Endpoint  {base}/v1\n  Project   {DEFAULT_PROJECT_ID}"
    )
    click.echo(f"  Demo      {base}/" if settings.demo else "  Demo      off (start with --demo)")
    click.echo(f"  Functions {_ISOLATION[isolation]}")
    click.echo(f"  Data      {os.path.abspath(settings.data_dir)}\n")  # noqa: PTH100 - shown as typed, symlinks kept
    code = code_of_fresh_instance(settings)
    if code:
        click.echo(
            f"  Console   has no account yet; from another machine the first is made with the code {code}\n"
        )
    sys.stdout.flush()
