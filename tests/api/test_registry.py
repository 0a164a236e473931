"""Routing: fixed segments, placeholders, aliases, and what must not match."""

from __future__ import annotations

from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewire.api.registry import DuplicateOperationError, Registry
from tidewire.core.checks.lists import Items
from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.texts import Text
from tidewire.core.operations import Operations
from tidewire.services.context import Context


def _service(*routes: tuple[str, str], aliases: tuple[str, ...] = ()) -> Operations:
    service = Operations("test")
    for number, (method, path) in enumerate(routes):

        async def operation(context: Context) -> None:
            """Nothing."""

        service.declare(f"op{number}", method, path, scopes=("public",), aliases=aliases)(operation)  # type: ignore[arg-type]
    return service


REGISTRY = Registry(
    [
        _service(
            ("GET", "/a"),
            ("GET", "/a/{x}"),
            ("GET", "/a/b"),
            ("GET", "/a/{x}/c/{y}"),
            ("GET", "/a/b/d"),
            ("PUT", "/a/b"),
            ("DELETE", "/a/{x}"),
        )
    ]
)


def _routed(method: str, path: str) -> tuple[str, dict[str, str]] | None:
    match = REGISTRY.route(method, path)
    return (match.endpoint.operation.name, match.values) if match else None


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/a", ("test.op0", {})),
        ("GET", "/a/1", ("test.op1", {"x": "1"})),
        ("GET", "/a/b", ("test.op2", {})),
        ("GET", "/a/b/c/2", ("test.op3", {"x": "b", "y": "2"})),
        ("GET", "/a/b/d", ("test.op4", {})),
        ("DELETE", "/a/b", ("test.op6", {"x": "b"})),
        ("GET", "/%61/%62", ("test.op2", {})),
        ("GET", "/a/x%2Fc%2Fy", ("test.op1", {"x": "x/c/y"})),
        ("GET", "/a/..", ("test.op1", {"x": ".."})),
        ("GET", "/a/%C3%A9", ("test.op1", {"x": "é"})),
        ("POST", "/a", None),
        ("GET", "", None),
        ("GET", "/", None),
        ("GET", "/a/", None),
        ("DELETE", "/a/", None),
        ("GET", "//a", None),
        ("GET", "/a//c/2", None),
        ("GET", "/a/b/c/", None),
        ("GET", "/a/b/e", None),
        ("GET", "/a/%FF", None),
        ("GET", "/A", None),
    ],
)
def test_routing(method: str, path: str, expected: tuple[str, dict[str, str]] | None) -> None:
    assert _routed(method, path) == expected


@given(st.sampled_from(["GET", "PUT", "TRACE"]), st.text(alphabet="ab/%2F.{}x", max_size=40))
def test_no_path_raises(method: str, path: str) -> None:
    _routed(method, path)


def test_aliases_lead_to_the_same_operation() -> None:
    registry = Registry([_service(("GET", "/new/{id}"), aliases=("/old/{id}",))])
    for path in ("/new/7", "/old/7"):
        match = registry.route("GET", path)
        assert match
        assert (match.endpoint.operation.path, match.values) == ("/new/{id}", {"id": "7"})


def test_duplicates_are_refused() -> None:
    with pytest.raises(DuplicateOperationError, match=r"GET /x/\{b\}"):
        Registry([_service(("GET", "/x/{a}"), ("GET", "/x/{b}"))])
    with pytest.raises(DuplicateOperationError, match=r"test\.op0 is declared twice"):
        Registry([_service(("GET", "/x")), _service(("GET", "/y"))])


def test_placeholders_are_parameters() -> None:
    service = Operations("test")

    @service.declare("get", "GET", "/things/{thingId}", scopes=("public",))
    async def get(context: Context, thing_id: ResourceId) -> None:
        """Nothing."""

    (parameter,) = service.declared[0].parameters
    assert (parameter.name, parameter.location) == ("thingId", "path")


def test_a_body_parameter_chooses_among_operations_of_one_path() -> None:
    service = Operations("letters")

    @service.declare("send", "POST", "/letters", scopes=("public",))
    async def send(context: Context, text: Annotated[str, Text()]) -> None:
        """Send one."""

    @service.declare("sendAll", "POST", "/letters", scopes=("public",), chosen_by="letters")
    async def send_all(context: Context, letters: Annotated[list[str], Items(Text())]) -> None:
        """Send several."""

    match = Registry([service]).route("POST", "/letters")
    assert match is not None
    assert match.chosen({"text": ""}).endpoint.operation.name == "letters.send"
    assert match.chosen({}).endpoint.operation.name == "letters.send"
    assert match.chosen({"letters": []}).endpoint.operation.name == "letters.sendAll"


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["GET", "PUT", "DELETE"]),
            st.lists(st.sampled_from(["a", "b", "c", "d", "1", "", "%61"]), max_size=5),
        ),
        max_size=30,
    )
)
def test_what_was_asked_before_changes_nothing(asked: list[tuple[str, list[str]]]) -> None:
    """Places that are remembered lead where a first look leads."""
    routes = (
        ("GET", "/a/{x}"),
        ("PUT", "/a/b"),
        ("GET", "/a/{x}/c/{y}"),
        ("GET", "/a/b/d"),
        ("GET", "/{x}/c"),
    )
    remembers = Registry([_service(*routes)])
    for method, segments in asked:
        path = "".join(f"/{segment}" for segment in segments)
        found, first = remembers.route(method, path), Registry([_service(*routes)]).route(method, path)
        assert (found and (found.endpoint.operation.name, found.values)) == (
            first and (first.endpoint.operation.name, first.values)
        )
