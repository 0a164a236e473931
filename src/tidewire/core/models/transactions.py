"""Models of transactions on rows."""

from __future__ import annotations

from tidewire.core.models.base import Model, system


class Transaction(Model, frozen=True, kw_only=True):
    """A transaction."""

    id: str = system("id")
    created_at: str = system("createdAt")
    updated_at: str = system("updatedAt")
    status: str
    """``pending``, ``committed``, or ``failed``: rolled back, or refused at the commit."""
    operations: int
    """How many are staged."""
    expires_at: str


class TransactionList(Model, frozen=True, kw_only=True):
    """A page of transactions."""

    total: int
    transactions: list[Transaction]
