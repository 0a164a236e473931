"""Channels and roles of events, and the channels that clients ask for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vectors import Case, load_cases
from tidewire.core.channels import Parent, convert_channels, event_audience, rebind_channels
from tidewire.core.events import ACTIONS

DATABASES = {"databases", "tablesdb", "documentsdb", "vectorsdb"}
PLACEHOLDERS = {
    "users": "userId",
    "teams": "teamId",
    "memberships": "membershipId",
    "databases": "databaseId",
    "collections": "collectionId",
    "tables": "tableId",
    "reports": "reportId",
    "insights": "insightId",
}


def pattern_of(name: str) -> tuple[str, dict[str, str], str]:
    """Pattern, parameters and type of database behind the first name of an event.

    The ids of the vectors hold no dots, and every second segment before the action is the id of the word
    before it.
    """
    segments = name.split(".")
    database_type = ""
    if segments[0] in DATABASES:
        database_type = "legacy" if segments[0] == "databases" else segments[0]
        segments[0] = "databases"
    parameters = {}
    for index in range(1, min(len(segments), 6), 2):
        if segments[index - 1] in ACTIONS:
            break
        placeholder = PLACEHOLDERS.get(segments[index - 1], segments[index - 1].rstrip("s") + "Id")
        parameters[placeholder] = segments[index]
        segments[index] = f"[{placeholder}]"
    return ".".join(segments), parameters, database_type


def parent_of(case: Case) -> Parent | None:
    document = case.get("collection") or case.get("bucket")
    # Without a database there is no collection in it.
    if not document or case.get("database") == {}:
        return None
    return Parent(
        document.get("$permissions", []),
        document.get("documentSecurity", False) or document.get("fileSecurity", False),
    )


def audience_of(case: Case) -> dict[str, Any]:
    pattern, parameters, database_type = pattern_of(case["event"])
    audience = event_audience(
        pattern=pattern,
        parameters=parameters,
        payload=case["payload"],
        project_id=case.get("project", {}).get("$id", "proj1"),
        team_id=case.get("project", {}).get("teamId", "orgteam"),
        database_type=database_type,
        parent=parent_of(case),
    )
    return {
        "channels": audience.channels,
        "roles": audience.roles,
        "permissionsChanged": audience.permissions_changed,
        "projectId": audience.project or None,
    }


@pytest.mark.parametrize("case", load_cases("channels"))
def test_audience_vectors(case: Case) -> None:
    if "expected_error" in case:
        with pytest.raises(ValueError, match="needs what holds the item"):
            audience_of(case)
        return
    audience, expected = audience_of(case), case["expected"]
    if not expected["roles"]:
        # No roles already mean that nothing is delivered; some vectors drop the channels as well.
        expected["channels"] = audience["channels"]
    assert audience == expected


def test_ids_with_dots_reach_the_right_channels() -> None:
    file = {"$id": "a.create", "bucketId": "b.files", "$permissions": ['read("any")']}
    audience = event_audience(
        pattern="buckets.[bucketId].files.[fileId].delete",
        parameters={"bucketId": "b.files", "fileId": "a.create"},
        payload=file,
        project_id="p",
        team_id="t",
        parent=Parent([], item_security=True),
    )
    assert audience.channels == [
        "files",
        "buckets.b.files.files",
        "buckets.b.files.files.a.create",
        "files.delete",
        "buckets.b.files.files.delete",
        "buckets.b.files.files.a.create.delete",
    ]
    assert audience.roles == ["any"]


def test_a_user_id_with_dots_names_one_user() -> None:
    audience = event_audience(
        pattern="users.[userId].sessions.[sessionId].create",
        parameters={"userId": "a.update.b", "sessionId": "s"},
        payload={},
        project_id="p",
        team_id="t",
    )
    assert audience.channels == ["account", "account.a.update.b"]
    assert audience.roles == ["user:a.update.b"]


def test_a_missing_parameter_is_an_error() -> None:
    with pytest.raises(ValueError, match="userId"):
        event_audience(
            pattern="users.[userId].create", parameters={}, payload={}, project_id="p", team_id="t"
        )


def test_braces_in_ids_are_only_text() -> None:
    audience = event_audience(
        pattern="teams.[teamId].update",
        parameters={"teamId": "{0}{x}%s"},
        payload={},
        project_id="p",
        team_id="t",
    )
    assert audience.channels[1] == "teams.{0}{x}%s"


@pytest.mark.parametrize("case", load_cases("convert_channels"))
def test_conversion_vectors(case: Case) -> None:
    assert convert_channels(case["channels"], case["userId"]) == case["expected"]


@pytest.mark.parametrize("case", load_cases("rebind"))
def test_rebinding_vectors(case: Case) -> None:
    assert rebind_channels(case["channels"], case["oldUserId"], case["newUserId"]) == case["expected"]


CHANNELS = st.lists(
    st.one_of(
        st.text(max_size=12),
        st.sampled_from(["account", "files", *(f"account.{action}" for action in ACTIONS)]),
        st.builds("account.{}".format, st.text(max_size=12)),
        st.builds("account.{}.{}".format, st.sampled_from(["ann", "bob"]), st.sampled_from(sorted(ACTIONS))),
    )
)
USERS = st.sampled_from(["", "ann", "bob", "a.update", "update"])


@given(CHANNELS, USERS)
def test_no_one_gets_account_channels_of_others(channels: list[str], user: str) -> None:
    own = {"account", *(f"account.{action}" for action in ACTIONS)}
    if user:
        own = {"account", f"account.{user}", *(f"account.{user}.{action}" for action in ACTIONS)}
    converted = convert_channels(channels, user)
    assert len(set(converted)) == len(converted)
    assert all(channel in own for channel in converted if channel.startswith("account."))
    assert [channel for channel in converted if not channel.startswith("account.")] == list(
        dict.fromkeys(channel for channel in channels if not channel.startswith("account."))
    )


@given(CHANNELS, USERS, st.sampled_from(["ann", "bob"]))
def test_rebinding_a_converted_list_leaves_nothing_of_the_old_user(
    channels: list[str], old: str, new: str
) -> None:
    rebound = rebind_channels(convert_channels(channels, old), old, new)
    own = {f"account.{new}", *(f"account.{new}.{action}" for action in ACTIONS)}
    assert all(channel in own for channel in rebound if channel.startswith("account."))
