"""Limits of how often an operation may be called."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

PLACEHOLDERS: Final = frozenset({"url", "ip", "userId", "projectId", "method", "chunkId"})
"""The placeholders that keys may have, besides ``param-x`` for the parameter x of the request."""

_PLACEHOLDER: Final = re.compile(r"{([\w-]+)}")


@dataclass(frozen=True)
class RateLimit:
    """A limit of ``limit`` calls in ``window_seconds`` for the same value of a key."""

    limit: int
    window_seconds: int
    keys: tuple[str, ...]
    """Templates such as ``url:{url},ip:{ip}``; each is counted by itself, and none may be over the limit."""

    def __post_init__(self) -> None:
        for key in self.keys:
            for name in _PLACEHOLDER.findall(key):
                if name not in PLACEHOLDERS and not name.startswith("param-"):
                    raise ValueError(f"{name} is nothing that a rate limit can count by")

    def filled_keys(self, values: Mapping[str, str], parameters: Mapping[str, object]) -> list[str]:
        """The keys of one request. What is missing, or is no text or number, counts as empty."""

        def value_of(found: re.Match[str]) -> str:
            name = found[1]
            if not name.startswith("param-"):
                return values.get(name, "")
            given = parameters.get(name.removeprefix("param-"))
            # Addresses differ in case and are the same: case must not give another try at a password.
            return str(given).strip().lower() if isinstance(given, (str, int)) else ""

        return [_PLACEHOLDER.sub(value_of, key) for key in self.keys]
