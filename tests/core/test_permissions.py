"""Permission strings.

One vector of class ``quirk`` is not followed: an object of permissions in place of a list is refused, since
no client sends one.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vectors import Case, load_cases
from tidewire.core.checks.lists import PermissionList
from tidewire.core.parameters import InvalidParameterError
from tidewire.core.permissions import (
    InvalidPermissionError,
    expand_permissions,
    permission,
    roles_granted,
    validate_permissions,
)

TYPES = ("create", "read", "update", "delete", "write")


@pytest.mark.parametrize("case", load_cases("permissions"))
def test_vectors(case: Case) -> None:
    if case["kind"] == "validate":
        check = PermissionList(tuple(case["allowed"]), maximum=case["limit"])
        expected = case["expected"] and case["class"] == "core"
        if expected:
            assert check.convert(case["permissions"]) == case["permissions"]
        else:
            with pytest.raises(InvalidParameterError):
                check.convert(case["permissions"])
    elif case["kind"] == "aggregate":
        assert expand_permissions(case["permissions"], case["allowed"]) == case["expected"]
    else:
        assert roles_granted(case["permissions"], case["type"]) == case["expected"]


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("any", 'the form type("role")'),
        ('read("any"', 'the form type("role")'),
        ('read("any")\n', 'the form type("role")'),
        ('execute("any")', "its type must be one of create, read"),
        ('read("*")', "a role is one of any, guests"),
        ('read("users:1")', "users takes no identifier"),
        ('read("user")', "user needs an id, as in user:ID"),
        ('read("team:a b")', "team needs an id, as in team:ID"),
        ('read("label:v-ip")', "a label has 1 to 36 letters and digits"),
        ('read("user:a/admin")', "after user/ only verified or unverified"),
        ('read("team:t/")', "a team role has 1 to 81 letters"),
        ('read("member:m/x")', "nothing may follow the role member"),
        ('read("any/")', "nothing may follow the role any"),
    ],
)
def test_the_error_names_the_entry_and_the_reason(entry: str, reason: str) -> None:
    with pytest.raises(InvalidPermissionError) as caught:
        validate_permissions(['read("any")', entry], TYPES, 100)
    assert str(caught.value).startswith(f"Permission 2, {entry}, is not valid: ")
    assert reason in str(caught.value)


def test_a_long_entry_is_not_repeated_in_full() -> None:
    with pytest.raises(InvalidPermissionError) as caught:
        validate_permissions(["x" * 10_000], TYPES, 100)
    assert len(str(caught.value)) < 300


IDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,35}", fullmatch=True)
ROLES = st.one_of(
    st.sampled_from(["any", "guests", "users", "users/verified", "users/unverified"]),
    st.builds("user:{}".format, IDS),
    st.builds("user:{}/verified".format, IDS),
    st.builds("team:{}".format, IDS),
    st.builds("team:{}/{}".format, IDS, st.from_regex(r"[A-Za-z0-9._-]{1,81}", fullmatch=True)),
    st.builds("member:{}".format, IDS),
    st.builds("label:{}".format, st.from_regex(r"[A-Za-z0-9]{1,36}", fullmatch=True)),
)


@given(st.lists(st.builds(permission, st.sampled_from(TYPES), ROLES), max_size=20))
def test_expansion_leaves_the_same_grants_and_no_write(permissions: list[str]) -> None:
    validate_permissions(permissions, TYPES, 100)
    expanded = expand_permissions(permissions, TYPES)
    assert expanded is not None
    assert roles_granted(expanded, "write") == []
    assert expand_permissions(expanded, TYPES) == expanded
    for action in ("create", "update", "delete"):
        wanted = set(roles_granted(permissions, action)) | set(roles_granted(permissions, "write"))
        assert set(roles_granted(expanded, action)) == wanted
    assert roles_granted(expanded, "read") == roles_granted(permissions, "read")


@given(st.lists(st.text(max_size=30), max_size=5))
def test_any_text_is_accepted_or_refused_with_a_reason(permissions: list[str]) -> None:
    try:
        validate_permissions(permissions, TYPES, 100)
    except InvalidPermissionError as error:
        assert str(error)
    expand_permissions(permissions, TYPES)
    roles_granted(permissions, "read")
