"""Fixtures for the whole suite."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import cache
from unittest.mock import patch

import pytest
import structlog
from httpx._config import create_ssl_context
from hypothesis import HealthCheck, settings

from tests.support.server import PROGRAM, TidewireServer

# How long an example takes says more about what else the machine does than about the code.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

# Many images set this. Then every server that a test starts would compile all modules anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Hundreds of servers, each with a data directory of its own: they keep less of the disk free than one would.
os.environ.setdefault("TIDEWIRE_DISK_RESERVE_BYTES", str(1024 * 1024))


def pytest_xdist_auto_num_workers() -> int:
    """Twice as many as there are processors: tests wait about as long as they compute."""
    return 2 * (os.cpu_count() or 1)


@pytest.fixture(scope="session", autouse=True)
def certificates_read_once() -> Iterator[None]:
    """Every client of httpx would read those of all authorities anew, which takes longer than most tests."""
    with patch("httpx._transports.default.create_ssl_context", cache(create_ssl_context)):
        yield


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """Commands that are run within the process of the tests must not take its loggers with them."""
    yield
    assert not structlog.get_config()["cache_logger_on_first_use"], "this test configured logging for good"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TidewireServer]:
    """A running server with the demo, shared by tests that leave it running."""
    running = TidewireServer(
        tmp_path_factory.mktemp("server") / "data", ["--demo", "--drain-seconds", "0.2"], program=PROGRAM
    ).start()
    yield running
    if running.process:
        assert running.stop() == 0


@pytest.fixture(scope="session")
def api_key(server: TidewireServer) -> str:
    """Secret of an API key with all scopes on the shared server."""
    return server.create_key()
