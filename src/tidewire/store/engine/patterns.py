"""Regular expressions that users give."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

REGEXP_MEMORY: Final = 1 << 20
"""Bytes that a compiled pattern may take."""


@lru_cache(maxsize=256)
def compiled_pattern(pattern: str) -> Any:
    """A compiled pattern of RE2, which matches in a time that grows with the text only. Raises ValueError."""
    import re2

    options = re2.Options()
    options.log_errors = False
    options.max_mem = REGEXP_MEMORY
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        problem = error.args[0] if error.args else ""
        raise ValueError(problem.decode() if isinstance(problem, bytes) else str(problem)) from None
