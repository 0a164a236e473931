"""Times that were never set, in the lists of keys, dev keys, users and projects: no comparison finds them."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest

from tests.services.platform.people import Person, Program, sign_up
from tidewire.core.time import now

LATER = "2099-01-01T00:00:00.000+00:00"
SOON = "2035-01-01T00:00:00.000+00:00"
LONG_AGO = "1970-01-01T00:00:00.000+00:00"
COMPARISONS: list[tuple[str, list[str]]] = [
    ("lessThan", [LATER]),
    ("lessThanEqual", [LATER]),
    ("greaterThanEqual", [LONG_AGO]),
    ("between", [LONG_AGO, LATER]),
    ("notBetween", ["2001-01-01T00:00:00.000+00:00", "2002-01-01T00:00:00.000+00:00"]),
    ("notEqual", ["2001-01-01T00:00:00.000+00:00"]),
    ("isNotNull", []),
]


def listed(program: Program, path: str, *queries: object) -> list[str]:
    """Ids of the items that the queries find, in their order."""
    found = program.done("GET", f"{path}?{urlencode([('queries[]', json.dumps(each)) for each in queries])}")
    (items,) = (value for value in found.values() if isinstance(value, list))
    return [each["$id"] for each in items]


def query(method: str, attribute: str, *values: str) -> dict[str, object]:
    return {"method": method, "attribute": attribute, "values": list(values)}


@pytest.fixture
def keys(admin: Program) -> Program:
    """The owner of a project with a key that ends and one that never does."""
    for key_id, expire in (("never", None), ("ends", SOON)):
        body = {"keyId": key_id, "name": "K", "scopes": ["users.read"], "expire": expire}
        admin.done("POST", "/project/keys", body)
    return admin


@pytest.mark.parametrize(("method", "values"), COMPARISONS)
def test_keys_that_never_expire(keys: Program, method: str, values: list[str]) -> None:
    assert listed(keys, "/project/keys", query(method, "expire", *values)) == ["ends"]
    assert listed(keys, "/project/keys", query(method, "accessedAt", *values)) == []


def test_only_is_null_finds_them(keys: Program) -> None:
    assert listed(keys, "/project/keys", query("isNull", "expire")) == ["never"]
    assert listed(keys, "/project/keys", query("equal", "expire", LONG_AGO)) == []
    either = {"method": "or", "values": [query("isNull", "expire"), query("greaterThan", "expire", LONG_AGO)]}
    assert sorted(listed(keys, "/project/keys", either)) == ["ends", "never"]


def test_they_are_ordered_as_null_is(keys: Program) -> None:
    up, down = (query(method, "expire") for method in ("orderAsc", "orderDesc"))
    assert listed(keys, "/project/keys", up) == ["never", "ends"]
    assert listed(keys, "/project/keys", down) == ["ends", "never"]
    after = {"method": "cursorAfter", "values": ["never"]}
    assert listed(keys, "/project/keys", up, after) == ["ends"]


def test_other_lists(person: Person, admin: Program, project: str) -> None:
    earlier = query("lessThan", "accessedAt", LATER)
    path = f"/projects/{project}/dev-keys"
    person.api.run(lambda: person.api.instance.create_dev_key(project, "K", now() + 60_000))
    assert listed(person, path, earlier) == []
    used = listed(person, path, query("isNull", "accessedAt"))
    assert len(used) == 1
    assert listed(person, path, query("lessThan", "expire", LATER)) == used
    ada = sign_up(person.api, project)
    ada.done("POST", "/teams", {"teamId": "t", "name": "T"})
    invitation = {"email": "b@example.com", "roles": [], "url": "http://localhost/"}
    invited = ada.done("POST", "/teams/t/memberships", invitation)["$id"]
    members = listed(ada, "/teams/t/memberships")
    joined = listed(ada, "/teams/t/memberships", query("lessThan", "joined", LATER))
    assert [*joined, invited] == members
    assert listed(ada, "/teams/t/memberships", query("isNull", "joined")) == [invited]
