"""Names that must not stand twice in one object of a JSON text, of which decoders pass over all but one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tidewire.core.errors import TidewireError


def require_once(text: bytes, names: Sequence[str]) -> None:
    """Refuse a JSON text in which one of ``names`` stands twice in one object, at whatever depth.

    The text was decoded before: it is known to be JSON. Raises :class:`TidewireError`
    ``general_argument_invalid``. It is looked through only where it has such a name twice, or escapes.
    """
    if b"\\u" not in text and all(text.count(b'"%b"' % name.encode()) < 2 for name in names):
        return

    def check(members: list[tuple[str, Any]]) -> None:
        given = [name for name, _ in members if name in names]
        if len(given) != len(set(given)):
            raise given_twice(given[-1])

    # Numbers may be longer than Python reads.
    json.loads(text, object_pairs_hook=check, parse_int=str)


def given_twice(name: str) -> TidewireError:
    """What is raised where ``name`` stands twice."""
    return TidewireError("general_argument_invalid", f"`{name}` stands twice in one object of the body.")
