"""Codes for phones, and servers that send none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from tests.services.world import GUEST, World
from tidewire.core.errors import TidewireError
from tidewire.core.project_settings import MockNumber
from tidewire.services.account.sign_in_tokens import create_phone_token
from tidewire.settings import Settings

MOCK = MockNumber(number="+15550100001", otp="123456", created_at=1, updated_at=1)


@pytest.fixture
async def quiet(tmp_path: Path) -> AsyncIterator[World]:
    """A project on a server that sends no text messages, with a mock number."""
    world = await World.open(tmp_path, Settings(sms_provider="none"))
    settings = msgspec.structs.replace(world.project.settings, mock_numbers=(MOCK,))
    world.project = replace(world.project, settings=settings)
    yield world
    await world.close()


async def test_no_code_without_a_provider(quiet: World) -> None:
    with pytest.raises(TidewireError) as refused:
        await create_phone_token(quiet.context(GUEST), "unique()", "+15550100002")
    assert refused.value.type == "general_phone_disabled"


async def test_mock_numbers_need_none(quiet: World) -> None:
    token = await create_phone_token(quiet.context(GUEST), "unique()", MOCK.number)
    assert token.user_id
