"""Names of custom channels, families of them, and roles of rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewire.core.channels import convert_channels, rebind_channels
from tidewire.core.custom_channels import (
    InvalidRoleError,
    custom_channel,
    is_channel_name,
    is_channel_pattern,
    message_event,
    parse_roles,
    patterns_for,
)
from tidewire.core.event_patterns import is_event_pattern
from tidewire.core.permissions import problem_of_role

SEGMENTS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,8}", fullmatch=True)
NAMES = st.lists(SEGMENTS, min_size=1, max_size=8).map(".".join).filter(is_channel_name)
LOOSE = st.text(alphabet="ab.*-_ members", max_size=20) | NAMES | st.text(max_size=10)


@given(LOOSE)
def test_names_and_families(text: str) -> None:
    segments = text.split(".")
    good = all(
        segment and segment.replace("-", "a").replace("_", "a").isalnum() and segment[0] not in "-_"
        for segment in segments
    )
    is_name = text.isascii() and good and not {"members", "messages"} & {*segments}
    assert is_channel_name(text) == is_name
    assert is_channel_pattern(text) == is_channel_name(text.removesuffix(".*"))
    assert custom_channel(f"channels.{text}") == (text if is_name else "")


@given(NAMES, NAMES)
def test_a_family_is_for_the_names_that_go_on(name: str, other: str) -> None:
    patterns = list(patterns_for(name))
    assert patterns[0] == name
    assert (f"{other}.*" in patterns) == name.startswith(f"{other}.")
    assert all(map(is_channel_pattern, patterns))
    assert patterns[1:] == sorted(patterns[1:], key=len, reverse=True)
    assert len(set(patterns)) == len(patterns) == name.count(".") + 1


@given(NAMES, st.sampled_from(["", "u1"]))
def test_subscriptions_keep_custom_channels_as_they_are(name: str, user_id: str) -> None:
    channels = [f"channels.{name}", f"channels.{name}.members"]
    assert convert_channels(channels, user_id) == channels
    assert rebind_channels(channels, user_id, "u2") == channels


@given(NAMES)
def test_no_message_is_on_the_channel_of_another(name: str) -> None:
    event = message_event(name, "m1", b"{}", ["any"], actor_id="", timestamp=1)
    assert event.channels == [f"channels.{name}"]
    assert event.names[0] == f"channels.{name}.messages.m1.create"
    assert custom_channel(event.channels[0]) == name
    assert not custom_channel(f"channels.{name}.members")


@pytest.mark.parametrize("channel", ["files", "channels", "channels.", "channel.a", "Channels.a", ""])
def test_other_channels_are_not_custom(channel: str) -> None:
    assert custom_channel(channel) == ""


@given(st.lists(st.text(max_size=20) | st.sampled_from(["any", "users", 'read("any")', 'update("any")'])))
def test_roles_are_plain_and_sound(entries: list[str]) -> None:
    try:
        roles = parse_roles(entries, ("read",))
    except InvalidRoleError as refused:
        assert str(refused)
    else:
        assert not any(map(problem_of_role, roles))
        assert len(set(roles)) == len(roles)


@given(NAMES)
def test_webhooks_can_ask_for_messages_and_rules(name: str) -> None:
    event = message_event(name, "m1", b"{}", ["any"], actor_id="", timestamp=1)
    assert is_event_pattern("channels.*.messages.*.create")
    assert "channels.*.messages.*.create" in event.names
    own = f"channels.{name}.messages.*.create"
    assert own in event.names
    assert is_event_pattern(own) == ("." not in name and len(name) <= 36)
    for action in ("create", "update", "delete"):
        assert is_event_pattern(f"channels.*.{action}")
