"""Files by the GraphQL multipart request specification: a form with ``operations``, ``map`` and the file.

Its text and the caller's right to the operation are looked at before anything of the file is read, which goes
straight to object storage.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import FieldNode, OperationDefinitionNode, StringValueNode, VariableNode
from tidewire.api.admission import Admission
from tidewire.api.bodies import NOTHING
from tidewire.api.body_budget import BodyLease
from tidewire.api.collaborators import Collaborators
from tidewire.api.content_range import parse_content_range
from tidewire.api.exchange import upload_id_of
from tidewire.api.multipart import Destination, FileRules, receive_form
from tidewire.api.registry import Match, Route
from tidewire.api.requests import Request
from tidewire.api.storing import writer_for
from tidewire.core.errors import TidewireError
from tidewire.core.uploads import Upload
from tidewire.graphql.documents import Documents
from tidewire.graphql.query import Query, decode_json, no_query, query_of
from tidewire.graphql.schema import field_of
from tidewire.store.instance.instance import ProjectStore


class UploadForm:
    """One form on its way in."""

    def __init__(
        self, api: Collaborators, documents: Documents, request: Request, store: ProjectStore
    ) -> None:
        self._api = api
        self._documents = documents
        self._request = request
        self._store = store
        self.query: Query | None = None
        self.operations = ""
        """The JSON text of the query."""
        self._variable = ""
        """The variable that is the file."""

    async def receive(self, lease: BodyLease) -> tuple[Query, Upload | None]:
        """The query, and the file that one of its variables is.

        Raises :class:`TidewireError`, and where there is a file,
        :class:`~tidewire.graphql.documents.InvalidDocumentError`.
        """
        rules = FileRules("", self._api.settings.max_file_bytes, None, None)
        destination = Destination(rules, self._store.objects.writer)
        form = await receive_form(self._request, destination, lease, self._decide)
        if self.query is None:
            self._read(form.fields.values)
        assert self.query is not None
        if form.upload is not None:
            self.query.variables[self._variable] = form.upload
        return self.query, form.upload

    def _read(self, fields: Mapping[str, Any]) -> Query:
        operations = fields.get("operations")
        if not isinstance(operations, str) or not operations:
            raise no_query()
        value = decode_json(operations, "`operations`")
        if isinstance(value, list):
            raise TidewireError("general_argument_invalid", "A form with a file holds one query, not a list.")
        self.operations = operations
        self.query = query_of(value)
        return self.query

    async def _decide(self, fields: Mapping[str, str]) -> Destination:
        """Return where the file goes: by now it is known which operation takes it, and who calls that."""
        query = self._read(fields)
        key, self._variable = _placed(decode_json(fields.get("map") or "{}", "`map`"))
        document = await self._documents.document(query.text)
        route, values = self._route(document.operation(query.operation_name))
        admission = Admission(self._api, self._request, "graphql")
        _, store, _ = await admission.admitted(Match(route, {}), NOTHING)
        most = self._api.settings.max_file_bytes
        place = parse_content_range(self._request.header(b"content-range"), most)
        open_writer = await writer_for(
            route.endpoint.operation,
            values,
            store,
            self._api.settings,
            place,
            self._request.content_length,
        )
        return Destination(FileRules(key, most, place, upload_id_of(self._request)), open_writer)

    def _route(self, operation: OperationDefinitionNode) -> tuple[Route, dict[str, str]]:
        """The operation that takes the variable as its file, and what it is given beside it as texts."""
        routes = {
            field_of(name): route
            for name, route in self._api.registry.routes.items()
            if route.endpoint.file_parameter is not None
        }
        for field in operation.selection_set.selections:
            if isinstance(field, FieldNode) and field.name.value in routes:
                for argument in field.arguments or ():
                    value = argument.value
                    if isinstance(value, VariableNode) and value.name.value == self._variable:
                        return routes[field.name.value], self._texts(field)
        message = f"No field takes the variable ${self._variable[:100]} as its file."
        raise TidewireError("general_argument_invalid", message)

    def _texts(self, field: FieldNode) -> dict[str, str]:
        assert self.query is not None
        found: dict[str, object] = {}
        for argument in field.arguments or ():
            value = argument.value
            if isinstance(value, VariableNode):
                found[argument.name.value] = self.query.variables.get(value.name.value)
            elif isinstance(value, StringValueNode):
                found[argument.name.value] = value.value
        return {name: text for name, text in found.items() if isinstance(text, str)}


def _placed(places: object) -> tuple[str, str]:
    """The name of the part that is the file, and of the variable that it is."""
    if isinstance(places, list):  # which PHP makes of keys that are numbers
        places = {str(key): paths for key, paths in enumerate(places)}
    if isinstance(places, dict) and len(places) == 1:
        ((key, paths),) = places.items()
        if isinstance(paths, list) and len(paths) == 1 and isinstance(paths[0], str):
            root, _, variable = paths[0].partition(".")
            if root == "variables" and variable and "." not in variable:
                return key, variable
    message = (
        'The form\'s `map` must come before the file and name it and one variable: {"0": ["variables.file"]}.'
    )
    raise TidewireError("general_argument_invalid", message)
