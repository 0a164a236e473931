"""The schema holds every operation, under the names and with the types that clients know."""

from __future__ import annotations

import pytest

from graphql import (
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_non_null_type,
    validate_schema,
)
from tests.reference.catalog import operations
from tidewire.api.registry import Registry
from tidewire.graphql.schema import build, field_of
from tidewire.services import ALL_OPERATIONS

OPERATIONS = Registry(ALL_OPERATIONS).operations
SEVERAL = {
    "tablesDB.getColumn",
    "databases.getAttribute",
    "project.getOAuth2Provider",
    "project.getPlatform",
    "project.getPolicy",
}
"""Operations whose answers are of several models."""


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build(OPERATIONS)


def _root(schema: GraphQLSchema, method: str) -> GraphQLObjectType:
    root = schema.query_type if method == "GET" else schema.mutation_type
    assert root is not None
    return root


def test_it_is_valid(schema: GraphQLSchema) -> None:
    assert validate_schema(schema) == []


def test_every_operation_is_a_field_with_its_answer_and_its_parameters(schema: GraphQLSchema) -> None:
    catalog = operations()
    for operation in OPERATIONS:
        if operation.kind == "redirect":
            assert field_of(operation.name) not in _root(schema, operation.method).fields
            continue
        field = _root(schema, operation.method).fields[field_of(operation.name)]
        assert set(field.args) == {parameter.name for parameter in operation.parameters}
        for parameter in operation.parameters:
            needed = parameter.required and not parameter.nullable
            assert is_non_null_type(field.args[parameter.name].type) is needed
        if not operation.extension and operation.name not in SEVERAL:
            response = catalog[operation.name]["response"]
            known = response.get("model") if response["kind"] == "json" else None
            assert get_named_type(field.type).name == (known or "None"), operation.name


@pytest.mark.parametrize(
    ("field", "argument", "type_"),
    [
        ("tablesDBListRows", "queries", "[String]"),
        ("messagingListTopics", "queries", "[String]"),
        ("tablesDBCreateRow", "data", "Json!"),
        ("tablesDBCreateRows", "rows", "[Json!]!"),
        ("accountUpdatePrefs", "prefs", "Assoc!"),
        ("functionsCreateExecution", "headers", "Assoc"),
        ("storageCreateFile", "file", "InputFile!"),
        ("tablesDBCreateIntegerColumn", "min", "Int"),
        ("tablesDBCreateFloatColumn", "min", "Float"),
        ("tablesDBCreateIndex", "lengths", "[Int]"),
        ("storageCreateBucket", "allowedFileExtensions", "[String]"),
    ],
)
def test_types_of_arguments(schema: GraphQLSchema, field: str, argument: str, type_: str) -> None:
    roots = {**_root(schema, "GET").fields, **_root(schema, "POST").fields}
    if field in roots:  # services that are not built have no fields
        assert str(roots[field].args[argument].type) == type_


def test_objects_without_a_fixed_form_have_their_values_as_data(schema: GraphQLSchema) -> None:
    for name in ("Row", "Document", "Preferences", "Any"):
        type_ = schema.get_type(name)
        assert isinstance(type_, GraphQLObjectType)
        assert str(type_.fields["data"].type) == "String"
    row = schema.get_type("Row")
    assert isinstance(row, GraphQLObjectType)
    assert {"_id", "_sequence", "_tableId", "_databaseId", "_permissions"} < set(row.fields)


def test_what_is_of_several_kinds_can_be_read_without_naming_them(schema: GraphQLSchema) -> None:
    kinds = schema.get_type("Columns")
    assert isinstance(kinds, GraphQLInterfaceType)
    assert {"key", "type", "status", "required", "array"} <= set(kinds.fields)
    table = schema.get_type("Table")
    assert isinstance(table, GraphQLObjectType)
    assert str(table.fields["columns"].type) == "[Columns]"
    members = {each.name for each in schema.get_possible_types(kinds)}
    assert {"ColumnString", "ColumnRelationship"} <= members
