"""The registry of all operations, and the way from a method and a path to one of them."""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tidewire.api.compression import holds_secrets
from tidewire.core.checks.texts import Content
from tidewire.core.errors import TidewireError
from tidewire.core.onboarding import STAGES
from tidewire.core.operations import Operation, Operations
from tidewire.core.uploads import FilePart

PROJECT_PLACEHOLDER: Final = "projectId"

_FOLDERS_KEPT: Final = 1024
_LONGEST_FOLDER: Final = 256
"""Characters of the longest path without its last segment that is kept: clients choose what is asked."""


class DuplicateOperationError(Exception):
    """Two operations share a name, or a method and a path."""


class Endpoint:
    """An operation with everything about it that is the same for all requests, computed once."""

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.service = operation.service.lower()
        """The name of the service that projects switch on and off."""
        self.sessionless = "session" in operation.groups
        self.completes_sign_in = "mfa" in operation.groups
        self.scoped_by_team = "teamScoped" in operation.groups
        self.needs_fresh_factor = "mfaProtected" in operation.groups
        self.is_stage = operation.name in STAGES
        """Whether its first success in a project is noted."""
        self.comes_from_elsewhere = operation.kind == "redirect" and operation.method == "POST"
        """Whether pages of other sites send people here, with a form, which has no rights of its own."""
        self.compressible = not any(holds_secrets(model) for model in operation.models)
        """Whether its answers hold no secrets."""
        self.file_parameter = next(
            (parameter for parameter in operation.parameters if isinstance(parameter.check, FilePart)), None
        )
        self.binary = {
            each.name: each.check.maximum for each in operation.parameters if isinstance(each.check, Content)
        }
        """Names of the parameters that may be any bytes in a form, and how many each has at most."""


class Route:
    """One path to an operation: which of its parameters stand in the path, and which elsewhere.

    A placeholder ``projectId`` of an older path that is no parameter of the operation names the project that
    the operation is about.
    """

    def __init__(self, endpoint: Endpoint, path: str, names: tuple[str, ...]) -> None:
        operation = endpoint.operation
        parameters = [each for each in operation.parameters if each is not endpoint.file_parameter]
        self.endpoint = endpoint
        self.names = names
        """The names of the placeholders, in order."""
        self.in_path = [each for each in parameters if each.name in names]
        self.elsewhere = [each for each in parameters if each.name not in names]
        self.defaults = (
            None
            if any(each.required for each in self.elsewhere)
            else {each.argument: each.default for each in self.elsewhere}
        )
        """The arguments where nothing is given elsewhere; None: something has to be."""
        self.conditions = tuple(each.name for each in self.elsewhere if each.check.condition)
        """Names of the parameters that limit what a change applies to."""
        self.once = (
            *self.conditions,
            *(name for each in parameters for name in each.check.conditions_within),
        )
        """Names that may stand only once in one object of the body."""
        self.names_project = PROJECT_PLACEHOLDER in names and all(
            each.name != PROJECT_PLACEHOLDER for each in self.in_path
        )
        self.older = path != operation.path
        """Whether it is a path of earlier versions. A client that names no version speaks in their words
        then."""
        self.alternatives: dict[str, Route] = {}
        """Other operations of the same method and path, by the body parameter that chooses them."""


class Match(NamedTuple):
    """The path that a request takes, and what stood in its placeholders."""

    route: Route
    values: dict[str, str]

    @property
    def endpoint(self) -> Endpoint:
        """The operation."""
        return self.route.endpoint

    def chosen(self, given: Mapping[str, object]) -> Match:
        """The match among the operations of the path that the parameters of the body choose.

        Raises ``general_bad_request`` if they choose several.
        """
        for name, route in self.route.alternatives.items():
            if name in given:
                _require_alone(name, self.route, route, given)
                return Match(route, self.values)
        return self

    @property
    def project_id(self) -> str:
        """The project that the path is about; empty if it names none, or the operation itself looks at it."""
        return self.values[PROJECT_PLACEHOLDER] if self.route.names_project else ""


@dataclass(slots=True)
class _Node:
    """A path so far: how it can go on, and what it leads to if it ends here."""

    depth: int = 0
    """How many segments lead here."""
    fixed: dict[str, _Node] = field(default_factory=dict)
    any: _Node | None = None
    ends: dict[str, Route] = field(default_factory=dict)
    """The routes of this path by method."""


class Registry:
    """All operations of the given services; raises :class:`DuplicateOperationError`."""

    def __init__(self, services: Sequence[Operations]) -> None:
        self.operations: list[Operation] = [
            operation for service in services for operation in service.declared
        ]
        self.routes: dict[str, Route] = {}
        """The route of each operation by its own path, by the operation's name."""
        self._root = _Node()
        self._places: dict[str, tuple[_Node, tuple[str, ...]]] = {}
        """What paths lead to without their last segments, and what stands in their placeholders so far:
        clients mostly ask for many things at few of these places."""
        names: set[str] = set()
        for operation in self.operations:
            if operation.name in names:
                raise DuplicateOperationError(f"operation {operation.name} is declared twice")
            names.add(operation.name)
            endpoint = Endpoint(operation)
            self.routes[operation.name] = self._add(endpoint, operation.path)
            for path in operation.aliases:
                self._add(endpoint, path)

    def route(self, method: str, path: str) -> Match | None:
        """Find the operation for a method and a raw (percent-encoded) path below ``/v1``.

        Fixed segments win over placeholders. Segments are decoded one by one, so an encoded slash
        stays inside its segment, and an empty segment matches nothing: an id that a client left
        empty must not turn the request into another one.
        """
        folder, _, last = path.rpartition("/")
        place = self._places.get(folder)
        if place is not None and "%" not in last:
            node, values = place
            if last not in node.fixed:
                return _match(node.any, method, (*values, last)) if last else None
            if node.any is None:
                return _match(node.fixed[last], method, values)
        segments = path.split("/")[1:]
        if "%" in path:
            decoded = [_decode(segment) for segment in segments]
            if None in decoded:
                return None
            segments = [segment for segment in decoded if segment is not None]
        elif place is None and len(folder) <= _LONGEST_FOLDER:
            self._keep_place(folder, segments[:-1])
        return _find(self._root, method, segments)

    def _keep_place(self, folder: str, segments: Sequence[str]) -> None:
        """Remember what a path without its last segment leads to, if there is only one way to read it."""
        node = self._root
        values: tuple[str, ...] = ()
        for segment in segments:
            fixed = node.fixed.get(segment)
            if fixed is not None and node.any is None:
                node = fixed
            elif fixed is None and segment and node.any is not None:
                node = node.any
                values += (segment,)
            else:
                return
        if len(self._places) >= _FOLDERS_KEPT:
            self._places.clear()
        self._places[folder] = node, values

    def _add(self, endpoint: Endpoint, path: str) -> Route:
        node = self._root
        names: list[str] = []
        for segment in path.split("/")[1:]:
            if segment.startswith("{"):
                names.append(segment[1:-1])
                node.any = node.any or _Node(node.depth + 1)
                node = node.any
            else:
                node = node.fixed.setdefault(segment, _Node(node.depth + 1))
        method, chosen_by = endpoint.operation.method, endpoint.operation.chosen_by
        route = Route(endpoint, path, tuple(names))
        if chosen_by and method in node.ends and chosen_by not in node.ends[method].alternatives:
            node.ends[method].alternatives[chosen_by] = route
            return route
        if method in node.ends:
            other = node.ends[method].endpoint.operation.name
            raise DuplicateOperationError(
                f"{method} {path} is declared by {endpoint.operation.name} and by {other}"
            )
        node.ends[method] = route
        return route


def _require_alone(name: str, usual: Route, chosen: Route, given: Mapping[str, object]) -> None:
    """Refuse what only the usual operation of a path knows where the parameter ``name`` chose another one.

    What it does not need may be there without saying anything.
    """
    known = {parameter.name for parameter in chosen.elsewhere}
    for parameter in usual.elsewhere:
        said = parameter.name in given and (parameter.required or given[parameter.name])
        if said and parameter.name not in known:
            message = f"Send either `{name}` or `{parameter.name}`, not both."
            raise TidewireError("general_bad_request", message)


def _match(node: _Node | None, method: str, values: tuple[str, ...]) -> Match | None:
    route = None if node is None else node.ends.get(method)
    return None if route is None else Match(route, dict(zip(route.names, values, strict=True)))


def _find(root: _Node, method: str, segments: list[str]) -> Match | None:
    """The route with the most fixed segments in front, and what stands in its placeholders."""
    node = root
    values: tuple[str, ...] = ()
    others: list[tuple[_Node, tuple[str, ...]]] = []
    """Nodes where a placeholder could stand in place of a fixed segment, to be tried later."""
    while True:
        for segment in segments[node.depth :] if node.depth else segments:
            fixed = node.fixed.get(segment)
            if fixed is not None:
                if node.any is not None:
                    others.append((node.any, (*values, segment)))
                node = fixed
            elif segment and node.any is not None:
                node = node.any
                values += (segment,)
            else:
                break
        else:
            found = _match(node, method, values)
            if found is not None:
                return found
        if not others:
            return None
        node, values = others.pop()


def _decode(segment: str) -> str | None:
    """Percent-decode a segment; None if it is not UTF-8."""
    try:
        return urllib.parse.unquote(segment, errors="strict")
    except UnicodeDecodeError:
        return None
