"""The account service: users manage themselves and their sessions."""

from __future__ import annotations

from typing import Final

from tidewire.core.operations import Operations

operations: Final = Operations("account")
