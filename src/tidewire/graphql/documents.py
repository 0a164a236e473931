"""Documents of clients: parsed and checked once, and kept as long as there is room."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    InlineFragmentNode,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    SelectionSetNode,
    parse,
    specified_rules,
    validate,
)
from tidewire.graphql.fair_thread import FairThread
from tidewire.graphql.fixed_parts import FixedParts
from tidewire.graphql.limits import fragments_of, limit_error, require_small
from tidewire.settings import Settings

_MAX_ERRORS: Final = 10
"""Faults of a document that are told."""
_INVALID: Final = {"code": 400, "type": "general_query_invalid"}


@dataclass(eq=False)
class Document:
    """A document without faults."""

    text: str
    node: DocumentNode
    operations: dict[str, OperationDefinitionNode]
    """The operations by their names; the name of an operation without one is empty."""
    introspective: frozenset[str]
    """Names of the operations that ask for the schema, and for nothing else."""
    complexities: dict[str, int] = field(default_factory=dict)
    """The complexities of the operations without variables, by their names."""
    fixed: FixedParts = field(default_factory=FixedParts)

    def operation(self, name: str) -> OperationDefinitionNode:
        """The operation of a name, or the only one if the name is empty. Raises GraphQLError."""
        if not name and len(self.operations) == 1:
            return next(iter(self.operations.values()))
        if name in self.operations:
            return self.operations[name]
        message = (
            f"Unknown operation named '{name[:100]}'."
            if name
            else "Must provide operation name if query contains multiple operations."
        )
        raise GraphQLError(message, extensions=dict(_INVALID))


class InvalidDocumentError(Exception):
    """A document that cannot be run."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__(str(errors[0]))
        self.errors = errors


class Documents:
    """The documents that one process was sent lately."""

    def __init__(self, schema: GraphQLSchema, settings: Settings, thread: FairThread) -> None:
        self._schema = schema
        self._thread = thread
        self._settings = settings
        self._kept: OrderedDict[str, Document] = OrderedDict()
        self._size = 0
        hidden = () if settings.graphql_introspection else (NoSchemaIntrospectionCustomRule,)
        self._rules: list[Any] = [*specified_rules, *hidden]

    async def document(self, text: str) -> Document:
        """The document of a text. Raises :class:`InvalidDocumentError`, and ``general_server_busy``."""
        kept = self._kept.get(text)
        if kept is not None:
            self._kept.move_to_end(text)
            return kept
        size = len(text)
        most = self._settings.graphql_max_document_bytes
        if size > most or len(text.encode(errors="replace")) > most:
            raise InvalidDocumentError([limit_error(f"A query has at most {most} bytes.")])
        made = await self._thread.run(lambda: self._checked(text))
        self._keep(made)
        return made

    def _checked(self, text: str) -> Document:
        settings = self._settings
        most = settings.graphql_max_tokens
        try:
            node = parse(text, max_tokens=most, max_comments=most, allow_empty_selection_sets=False)
            require_small(node, settings)
            errors = validate(
                self._schema,
                node,
                self._rules,
                max_errors=_MAX_ERRORS,
                hide_suggestions=not settings.graphql_introspection,
                allow_empty_selection_sets=False,
            )
        except GraphQLSyntaxError as error:
            raise InvalidDocumentError([_invalid(error)]) from None
        except GraphQLError as error:
            raise InvalidDocumentError([error]) from None
        except RecursionError:
            raise InvalidDocumentError([limit_error("The query nests too deeply.")]) from None
        if errors:
            raise InvalidDocumentError([_invalid(each) for each in errors])
        operations = {
            name_of(each): each for each in node.definitions if isinstance(each, OperationDefinitionNode)
        }
        try:
            introspective = frozenset(
                name for name, each in operations.items() if _asks_for_schema(node, each)
            )
        except GraphQLError as error:
            raise InvalidDocumentError([error]) from None
        return Document(text, node, operations, introspective)

    def _keep(self, document: Document) -> None:
        size, most = len(document.text), self._settings.graphql_cached_bytes
        if size > most // 4 or document.text in self._kept:
            return
        self._kept[document.text] = document
        self._size += size
        while self._size > most:
            _, oldest = self._kept.popitem(last=False)
            self._size -= len(oldest.text)


def _invalid(error: GraphQLError) -> GraphQLError:
    error.extensions = {**(error.extensions or {}), **_INVALID}
    return error


def name_of(operation: OperationDefinitionNode) -> str:
    """The name of an operation; empty if it has none."""
    return operation.name.value if operation.name else ""


def _asks_for_schema(document: DocumentNode, operation: OperationDefinitionNode) -> bool:
    """Whether an operation asks for the schema, and for nothing else. Raises GraphQLError for both."""
    names = set(_root_fields(document, operation.selection_set, set())) - {"__typename"}
    schema = names & {"__schema", "__type"}
    if schema and names - schema:
        raise limit_error("Ask for the schema in a query of its own, without other fields.")
    return bool(schema)


def _root_fields(document: DocumentNode, selections: SelectionSetNode, seen: set[str]) -> list[str]:
    names: list[str] = []
    for each in selections.selections:
        if isinstance(each, FieldNode):
            names.append(each.name.value)
        elif isinstance(each, FragmentSpreadNode):
            if each.name.value not in seen:
                seen.add(each.name.value)
                fragment = fragments_of(document)[each.name.value]
                names += _root_fields(document, fragment.selection_set, seen)
        elif isinstance(each, InlineFragmentNode):
            names += _root_fields(document, each.selection_set, seen)
    return names
