"""How deep JSON from outside may nest: whoever reads it later must be able to, in whatever stack."""

from __future__ import annotations

from typing import Any, Final

DEEPEST_NESTING: Final = 128
"""Arrays and objects within each other."""
TOO_DEEP: Final = f"The JSON is nested deeper than {DEEPEST_NESTING} levels."


def is_too_deep(text: str | bytes, value: object) -> bool:
    """Whether ``value``, read from the JSON ``text``, nests deeper than :data:`DEEPEST_NESTING`."""
    if isinstance(text, bytes):
        brackets = text.count(b"[") + text.count(b"{")
    else:
        brackets = text.count("[") + text.count("{")
    # Few brackets cannot nest deeply: most texts are never walked.
    return brackets > DEEPEST_NESTING and _is_deeper(value, DEEPEST_NESTING)


def _is_deeper(value: object, limit: int) -> bool:
    """Whether arrays and objects nest in more than ``limit`` levels; found without recursion."""
    level: list[Any] = [value]
    for _ in range(limit):
        level = [
            child
            for container in level
            for child in (container.values() if isinstance(container, dict) else container)
            if isinstance(child, (dict, list))
        ]
        if not level:
            return False
    return True
