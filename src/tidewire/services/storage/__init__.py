"""The storage service: buckets and the files in them."""

from __future__ import annotations

from typing import Final

from tidewire.core.operations import Operations

operations: Final = Operations("storage")
