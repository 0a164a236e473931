"""``tidewire serve``: bind, start the worker processes, say where to connect."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable

import click
import uvloop

from tidewire.cli.options import fail
from tidewire.cli.workers import run_workers
from tidewire.logs import configure_logging
from tidewire.server import serve
from tidewire.services.geoip import GeoIpError
from tidewire.settings import Settings
from tidewire.store.platform import DEFAULT_PROJECT_ID


def run_server(settings: Settings) -> None:
    """Serve until a signal. Exit code 1 if the port or the data directory cannot be used."""
    configure_logging(settings.log_level)
    listener = _bind(settings)
    if settings.workers == 1:
        _run_worker(settings, listener, lambda: _announce(settings, listener))
    else:
        run_workers(
            settings.workers,
            lambda on_ready: _run_worker(settings, listener, on_ready),
            lambda: _announce(settings, listener),
        )


def _bind(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        address = f"{settings.host}:{settings.port}"
        fail(f"cannot listen on {address}: {error.strerror}; choose another --host or --port")
    # Listening before the application is up lets early clients wait instead of being refused.
    listener.listen(4096)
    listener.setblocking(False)
    listener.set_inheritable(True)
    return listener


def _run_worker(settings: Settings, listener: socket.socket, on_ready: Callable[[], None]) -> None:
    try:
        uvloop.run(serve(settings, listener, on_ready))
    except GeoIpError as error:
        fail(str(error))
    except OSError as error:
        fail(f"cannot use the data directory {settings.data_dir}: {error}")


def _announce(settings: Settings, listener: socket.socket) -> None:
    host, port = listener.getsockname()[:2]
    shown = "localhost" if host in {"0.0.0.0", "::", "127.0.0.1"} else host  # noqa: S104
    base = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}"
    click.echo(
        f"Tidewire is ready (stop with Ctrl+C).\n\n  Endpoint  {base}/v1\n  Project   {DEFAULT_PROJECT_ID}"
    )
    click.echo(f"  Demo      {base}/" if settings.demo else "  Demo      off (start with --demo)")
    click.echo(f"  Data      {os.path.abspath(settings.data_dir)}\n")  # noqa: PTH100 - shown as typed, symlinks kept
    sys.stdout.flush()
