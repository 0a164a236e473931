"""Operations that take the same time whatever they find."""

from __future__ import annotations

import asyncio

import pytest

from tidewire.core.operations import Operations
from tidewire.services.account import operations
from tidewire.services.context import Context
from tidewire.services.timing import EVEN_SECONDS, evenly


@evenly
async def look_up(context: Context, name: str) -> str:
    """Find somebody."""
    if name == "nobody":
        raise KeyError(name)
    return name


async def duration(name: str) -> float:
    clock = asyncio.get_running_loop().time
    before = clock()
    try:
        assert await look_up(None, name) == name  # type: ignore[arg-type]
    except KeyError:
        assert name == "nobody"
    return clock() - before


@pytest.mark.parametrize("name", ["ada", "nobody"])
async def test_no_answer_comes_sooner(name: str) -> None:
    assert await duration(name) >= EVEN_SECONDS - 0.001


def test_a_paced_operation_is_declared_like_any_other() -> None:
    declared = {operation.name: operation for operation in operations.declared}
    paced = declared["account.createRecovery"]
    assert [parameter.name for parameter in paced.parameters] == ["email", "url"]
    assert paced.summary.startswith("Send a link")
    assert isinstance(operations, Operations)


@pytest.mark.parametrize(
    "name",
    [
        "createRecovery",
        "updateRecovery",
        "createMagicURLToken",
        "createEmailToken",
        "createPhoneToken",
        "createSession",
        "updateMagicURLSession",
        "updatePhoneSession",
        "updateEmailVerification",
        "updatePhoneVerification",
    ],
)
def test_what_strangers_may_ask_is_paced(name: str) -> None:
    handler = next(each.handler for each in operations.declared if each.name == f"account.{name}")
    assert hasattr(handler, "__wrapped__")
