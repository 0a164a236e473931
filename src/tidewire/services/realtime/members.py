"""Who is on a custom channel (docs/channels.md)."""

from __future__ import annotations

from typing import Annotated, Final

from tidewire.core.checks.numbers import Whole
from tidewire.core.custom_channels import ChannelRule, holds_any
from tidewire.core.errors import TidewireError
from tidewire.core.models.channels import RealtimeMember, RealtimeMemberList
from tidewire.core.time import format_datetime
from tidewire.services.context import Context
from tidewire.services.realtime import operations
from tidewire.services.realtime.parameters import Channel

MAX_MEMBERS: Final = 1000
"""Members in one answer."""


@operations.declare(
    "listMembers",
    "GET",
    "/realtime/channels/{channel}/members",
    scopes=("realtime.read", "public"),
    extension=True,
)
async def list_members(
    context: Context,
    channel: Channel,
    limit: Annotated[int, Whole(1, MAX_MEMBERS)] = 100,
    offset: Annotated[int, Whole(0, 2**53)] = 0,
) -> RealtimeMemberList:
    """List who is on a channel now, in the order of their coming."""
    rule = await _readable(context, channel)
    if not rule.presence:
        raise TidewireError(
            "general_feature_unsupported",
            "Who is on this channel is not known: its rule has to say so (presence).",
        )
    assert context.realtime is not None
    found = context.realtime.members(context.project.id, channel)
    return RealtimeMemberList(
        total=len(found),
        members=[
            RealtimeMember(id=member.id, user_id=member.user_id, joined_at=format_datetime(member.joined_at))
            for member in found[offset : offset + limit]
        ],
    )


async def _readable(context: Context, channel: str) -> ChannelRule:
    """The rule of a channel that the caller may read; who may not does not learn whether there is one."""
    if context.channels is None or context.realtime is None:
        raise TidewireError("general_service_disabled", "Realtime does not run here.")
    rule = await context.channels.rule(context.database, channel)
    caller = context.caller
    if caller.bypasses_permissions:
        if rule is None:
            raise TidewireError("channel_not_found", f"There is no rule for the channel {channel!r}.")
        return rule
    if rule is None or not holds_any(caller.roles, rule.read):
        raise TidewireError("user_unauthorized", f"You are not authorized to read the channel {channel!r}.")
    return rule
