"""Programs of the README, run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.server import TidewireServer

README = Path(__file__).parents[2] / "README.md"


def documented_program(server: TidewireServer) -> str:
    """The first JavaScript program of the README, pointed at the test's server and nothing else changed."""
    return _javascript()[0].replace("http://localhost:8090/v1", server.endpoint)


def documented_shim() -> str:
    """What the README gives a program outside browsers."""
    return _javascript()[1]


def _javascript() -> list[str]:
    return re.findall(r"```js\n(.*?)```", README.read_text(), re.DOTALL)
