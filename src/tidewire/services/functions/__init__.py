"""The functions service: code of projects, its versions and its runs."""

from __future__ import annotations

from typing import Final

from tidewire.core.operations import Operations

operations: Final = Operations("functions")
