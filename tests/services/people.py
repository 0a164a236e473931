"""Steps that tests of teams and users share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest

from tests.services.world import GUEST, World
from tests.support.messages import waiting_messages
from tidewire.core.errors import TidewireError
from tidewire.core.identities import Caller
from tidewire.core.models import Membership
from tidewire.core.project_settings import MembershipPrivacy
from tidewire.services.teams import acceptance, invitations

URL = "http://localhost/join"


async def messages(world: World) -> list[Any]:
    """Everything in line to be sent, oldest first."""
    return await world.database.read(
        lambda connection: waiting_messages(connection, world.instance.encryption)
    )


async def sent_link(world: World) -> dict[str, str]:
    """What the link in the newest message says."""
    text = (await messages(world))[-1].text
    link = next(word for word in text.split() if word.startswith(URL))
    return dict(parse_qsl(urlsplit(link).query))


async def invite(world: World, owner: Caller, team_id: str = "t1", **invitee: Any) -> dict[str, str]:
    """Invite somebody by mail; returns what the link says."""
    roles = invitee.pop("roles", ["member"])
    await invitations.create_membership(world.context(owner), team_id, roles, url=URL, **invitee)
    return await sent_link(world)


async def accept(world: World, link: dict[str, str], caller: Caller = GUEST, **changed: str) -> Membership:
    """Follow a link."""
    values = link | changed
    return await acceptance.update_membership_status(
        world.context(caller), values["teamId"], values["membershipId"], values["userId"], values["secret"]
    )


def set_privacy(world: World, **shown: bool) -> None:
    """Decide what members see of each other."""
    settings = msgspec.structs.replace(world.project.settings, membership_privacy=MembershipPrivacy(**shown))
    world.project = replace(world.project, settings=settings)


class refused:  # noqa: N801 - reads like pytest.raises
    """``with refused("team_not_found"):`` passes if exactly this error is raised."""

    def __init__(self, error_type: str) -> None:
        self.error_type = error_type
        self.raises = pytest.raises(TidewireError)

    def __enter__(self) -> None:
        self.info = self.raises.__enter__()

    def __exit__(self, *details: Any) -> bool | None:
        handled = self.raises.__exit__(*details)
        if handled:
            assert self.info.value.type == self.error_type
        return handled
