"""Names of events."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vectors import Case, load_cases
from tidewire.core.events import Event, event_names, pattern_parts

DOCUMENT = "databases.[databaseId].collections.[collectionId].documents.[documentId].create"
PATTERNS = [
    "users.[userId].update.name",
    "teams.[teamId].memberships.[membershipId].update.status",
    "buckets.[bucketId].files.[fileId].create",
    DOCUMENT,
]


@pytest.mark.parametrize("case", load_cases("generate_events"))
def test_vectors(case: Case) -> None:
    arguments = (case["pattern"], case["params"], case.get("database", ""))
    if "expected_error" in case:
        with pytest.raises(ValueError, match="needs a value for"):
            event_names(*arguments)
    else:
        assert event_names(*arguments) == case["expected"]


def test_a_value_that_holds_the_name_of_another_parameter_stays_as_it_is() -> None:
    names = event_names(
        "buckets.[bucketId].files.[fileId].create", {"bucketId": "fileId", "fileId": "bucketId"}
    )
    assert names[0] == "buckets.fileId.files.bucketId.create"


def test_braces_and_percent_signs_in_values_are_only_text() -> None:
    assert event_names("users.[userId].create", {"userId": "{0}%s"})[0] == "users.{0}%s.create"


def test_an_event_knows_its_names() -> None:
    event = Event(
        pattern="teams.[teamId].delete",
        parameters={"teamId": "t"},
        channels=[],
        roles=[],
        payload=b"{}",
        timestamp=0,
    )
    assert event.names == ["teams.t.delete", "teams.*.delete", "teams.t", "teams.*"]


@pytest.mark.parametrize(
    ("pattern", "words", "action"),
    [
        ("users.[userId].update.mfa.recovery-codes", ("users",), "update"),
        ("users.[userId].sessions.delete", ("users",), ""),
        ("users.[userId].sessions.[sessionId].delete", ("users", "sessions"), "delete"),
        (DOCUMENT, ("databases", "collections", "documents"), "create"),
        ("projects.[projectId].ping", ("projects",), ""),
        ("buckets.[bucketId]", ("buckets",), ""),
    ],
)
def test_parts_of_a_pattern(pattern: str, words: tuple[str, ...], action: str) -> None:
    assert pattern_parts(pattern) == (words, action)


IDS = st.one_of(
    st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,35}", fullmatch=True),
    st.sampled_from(["databases", "tablesdb", "collections", "tables", "documents", "rows", "create", "a.b"]),
)


@given(
    st.sampled_from(PATTERNS),
    st.lists(IDS, min_size=8, max_size=8),
    st.sampled_from(["", "legacy", "tablesdb", "documentsdb", "vectorsdb"]),
)
def test_names_of_any_ids(pattern: str, ids: list[str], database_type: str) -> None:
    placeholders = [segment[1:-1] for segment in pattern.split(".") if segment.startswith("[")]
    parameters = dict(zip(placeholders, ids, strict=False))
    names = event_names(pattern, parameters, database_type)
    assert len(names) == len(set(names))
    assert not any("[" in name or "{" in name for name in names)
    words, action = pattern_parts(pattern)
    type_word = database_type if words[0] == "databases" and database_type not in {"", "legacy"} else words[0]
    assert names[0].startswith(f"{type_word}.{ids[0]}.")
    assert action in names[0].split(".")
    assert f"{type_word}.*" in names
