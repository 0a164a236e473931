"""Transactions as they are kept: found, shown, ended; and what is staged in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from tidewire.core import models
from tidewire.core.errors import TidewireError
from tidewire.core.identities import Caller
from tidewire.core.time import now
from tidewire.services.answers import shown
from tidewire.services.context import Context
from tidewire.services.databases.dialects import DialectCall
from tidewire.services.databases.transactions.actions import StagedOperation
from tidewire.store.engine.connection import Connection
from tidewire.store.records.identities import user_identity
from tidewire.store.records.transactions import KeptTransaction, find_kept, stage_operations, staged_after

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def kind_of(call: DialectCall) -> str:
    """The kind of the transactions of a dialect; those of tables and of collections are the same."""
    return call.dialect.reaches[0]


def find_transaction(connection: Connection, call: DialectCall, transaction_id: str) -> KeptTransaction:
    """A transaction, for the user who made it and for servers. Raises ``transaction_not_found``."""
    kept = find_kept(connection, transaction_id, kind_of(call))
    caller = call.context.caller
    if kept is None or not (caller.bypasses_permissions or _owns(caller, kept)):
        raise TidewireError("transaction_not_found", "There is no transaction with this id.")
    return kept


def find_pending(connection: Connection, call: DialectCall, transaction_id: str) -> KeptTransaction:
    """A transaction that can still be used.

    Raises ``transaction_not_found``, ``transaction_not_ready`` or ``transaction_expired``.
    """
    kept = find_transaction(connection, call, transaction_id)
    if kept.status != "pending":
        message = f"The transaction is not pending any more: its status is {kept.status}. Begin another one."
        raise TidewireError("transaction_not_ready", message)
    if kept.expires_at <= now():
        raise TidewireError("transaction_expired", "The transaction has expired. Begin another one.")
    return kept


def _owns(caller: Caller, kept: KeptTransaction) -> bool:
    return caller.kind == "user" and bool(kept.owner_id) and caller.user_id == kept.owner_id


def transaction_of(kept: Any) -> models.Transaction:
    """The transaction as the API shows it; ``kept`` has its columns as attributes."""
    return shown(models.Transaction, kept)


def encoded(call: DialectCall, kept: KeptTransaction, operations: Sequence[StagedOperation]) -> list[str]:
    """The arguments of operations as they are kept. Raises ``transaction_limit_exceeded``."""
    settings = call.context.settings
    if kept.operations + len(operations) > settings.transaction_max_operations:
        message = f"A transaction takes at most {settings.transaction_max_operations} operations."
        raise TidewireError("transaction_limit_exceeded", message)
    texts = [_encode(operation.arguments).decode() for operation in operations]
    if kept.size + sum(map(len, texts)) > settings.transaction_max_bytes:
        message = f"The operations of a transaction have at most {settings.transaction_max_bytes} bytes."
        raise TidewireError("transaction_limit_exceeded", message)
    return texts


def add_operations(
    connection: Connection,
    call: DialectCall,
    kept: KeptTransaction,
    operations: Sequence[StagedOperation],
    texts: Sequence[str],
) -> tuple[KeptTransaction, int] | None:
    """Stage operations; return the transaction as it is then, and the position of the last of them.

    None, and nothing is done, if the transaction was changed since it was found.
    """
    after = kept._replace(
        operations=kept.operations + len(operations), size=kept.size + sum(map(len, texts)), updated_at=now()
    )
    caller = call.context.caller
    stager = {"kind": caller.kind, "id": caller.user_id if caller.kind == "user" else ""}
    # Arguments may hold values that their column keeps sealed.
    seal = call.context.encryption.seal
    rows = [
        {**stager, "action": operation.action, "arguments": seal(text)}
        for operation, text in zip(operations, texts, strict=True)
    ]
    position = stage_operations(connection, kept, after, rows)
    return None if position is None else (after, position)


def staged_operations(
    connection: Connection, call: DialectCall, kept: KeptTransaction, after: int = 0
) -> Iterator[tuple[int, DialectCall, StagedOperation]]:
    """The operations staged after a position, in order: position, the stager's call, operation."""
    calls: dict[tuple[str, str], DialectCall] = {}
    for position, kind, user_id, action, arguments in staged_after(connection, kept, after):
        stager = (kind, user_id)
        if stager not in calls:
            context = _context_of(connection, call.context, *stager)
            calls[stager] = msgspec.structs.replace(call, context=context)
        opened = call.context.encryption.open(arguments)
        yield position, calls[stager], StagedOperation(action, _decode(opened))


def _context_of(connection: Connection, context: Context, kind: str, user_id: str) -> Context:
    caller = context.caller
    if kind != "user":
        caller = Caller("key", None, ("any",))
    elif caller.kind != "user" or caller.user_id != user_id:
        identity = user_identity(connection, user_id)
        if identity is None or not identity.account.status:
            # A user who is deleted or blocked may do nothing.
            caller = Caller("user", None, ())
        else:
            caller = Caller("user", identity, ("any", *identity.roles))
    return msgspec.structs.replace(context, caller=caller, requested_at=None)
