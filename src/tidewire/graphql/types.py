"""Object types of the schema, made from the models that operations answer with."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin

import msgspec

from graphql import (
    GraphQLBoolean,
    GraphQLField,
    GraphQLFloat,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLString,
)
from tidewire.core.models import (
    Account,
    AnyAttribute,
    AnyColumn,
    AttributeObject,
    AttributeVector,
    ListedOAuth2Provider,
    Preferences,
    User,
)
from tidewire.core.models.base import AnyObject
from tidewire.core.models.columns import Column
from tidewire.graphql.answers import Reader, data_text, field_name, kind_of, reader, tag_reader
from tidewire.graphql.executor import FieldReader
from tidewire.graphql.scalars import INT, JSON

_Fields = dict[str, GraphQLField]
_Models = tuple[type[msgspec.Struct], ...]

_SAME: Final[Mapping[type[msgspec.Struct], type[msgspec.Struct]]] = {Account: User}
"""Models that clients know as other ones, whose further fields are null then."""

_BY_NAME: Final[Mapping[str, type[msgspec.Struct]]] = {"prefs": Preferences}
"""Models of fields that the models of their objects have as mere dictionaries."""

_PLAIN: Final[Mapping[Any, GraphQLOutputType]] = {
    str: GraphQLString,
    bool: GraphQLBoolean,
    int: INT,
    float: GraphQLFloat,
}

_OF_ALL_ROWS: Final = ("$id", "$sequence", "$databaseId", "$createdAt", "$updatedAt")
_SYSTEM_FIELDS: Final[Mapping[str, Mapping[str, GraphQLOutputType]]] = {
    name: {**dict.fromkeys((*_OF_ALL_ROWS, of), GraphQLString), "$permissions": GraphQLList(GraphQLString)}
    for name, of in (("Row", "$tableId"), ("Document", "$collectionId"))
}
"""The fields that all rows have, beside those of their table."""

_KINDS: Final[Mapping[str, _Models]] = {
    "columns": get_args(AnyColumn),
    "attributes": (*get_args(AnyAttribute), AttributeObject, AttributeVector),
    "providers": get_args(ListedOAuth2Provider),
}
"""The kinds of columns and of OAuth2 providers, by the field that lists them."""

_HASHES: Final[Mapping[str, Mapping[str, GraphQLOutputType]]] = {
    "AlgoArgon2": dict.fromkeys(("memoryCost", "timeCost", "threads"), INT),
    "AlgoBcrypt": {},
    "AlgoMd5": {},
    "AlgoPhpass": {},
    "AlgoScrypt": dict.fromkeys(("costCpu", "costMemory", "costParallel", "length"), INT),
    "AlgoScryptModified": dict.fromkeys(("salt", "saltSeparator", "signerKey"), GraphQLString),
    "AlgoSha": {},
}
"""What is told of the schemes by which passwords are hashed, beside their names."""


class ModelTypes:
    """The object types of one schema, each made when it is first asked for."""

    def __init__(self) -> None:
        self._objects: dict[str, GraphQLObjectType] = {}
        self._kinds: dict[str, GraphQLInterfaceType] = {}
        self._interfaces: dict[str, tuple[GraphQLInterfaceType, ...]] = {}
        self.none = GraphQLObjectType("None", {"status": GraphQLField(GraphQLString, resolve=_ok)})
        """The type of an answer that is no JSON: it says that the operation succeeded."""

    def all(self) -> list[GraphQLObjectType]:
        """All types, with those that stand behind interfaces only: looking at one brings forth others."""
        seen = 0
        while seen < len(self._objects):
            unseen = list(self._objects.values())[seen:]
            seen = len(self._objects)
            for each in unseen:
                assert each.fields
        return list(self._objects.values())

    def answer(self, models: _Models) -> GraphQLOutputType:
        """The type of the answer of an operation, which has one of these models."""
        if not models:
            return self.none
        if len(models) == 1:
            return self._of_model(models[0])
        for wire, columns in _KINDS.items():
            if set(models) <= set(columns):
                return self._kinds_of(wire, columns)
        return self._kinds_of(_plural(models[0]), models)

    def _of_model(self, model: type[msgspec.Struct]) -> GraphQLObjectType:
        model = _SAME.get(model, model)
        name = "Any" if model is AnyObject else model.__name__
        if name not in self._objects:
            kinds = self._interfaces
            self._objects[name] = GraphQLObjectType(
                name, lambda: self._fields(name, model), lambda: kinds.get(name, ())
            )
        return self._objects[name]

    def _fields(self, name: str, model: type[msgspec.Struct]) -> _Fields:
        own = _SYSTEM_FIELDS.get(name, {})
        fields = {field_name(wire): _field(type_, reader(wire, wire)) for wire, type_ in own.items()}
        declared = msgspec.structs.fields(model)
        tag = model.__struct_config__.tag_field
        if tag is not None:
            fields[field_name(tag)] = _field(GraphQLString, tag_reader(tag))
        for each in declared:
            type_ = self._of_annotation(each.encode_name, each.type)
            fields[field_name(each.encode_name)] = _field(type_, reader(each.name, each.encode_name))
        if not declared and tag is None:
            fields["data"] = _field(GraphQLString, data_text)
        return fields

    def _of_annotation(self, wire: str, annotation: Any) -> GraphQLOutputType:
        known = _BY_NAME.get(wire)
        if known is not None:
            return self._of_model(known)
        if wire == "hashOptions":
            return self._hashes()
        if get_origin(annotation) in {Union, UnionType}:
            members = [each for each in get_args(annotation) if each not in {NoneType, msgspec.UnsetType}]
            if len(members) > 1:
                return self._kinds_of(wire, tuple(members))
            (annotation,) = members
        if get_origin(annotation) is list:
            (item,) = get_args(annotation)
            if item is Column:
                return GraphQLList(self._kinds_of(wire, _KINDS[wire]))
            return GraphQLList(self._of_annotation(wire, item))
        if annotation in _PLAIN:
            return _PLAIN[annotation]
        if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
            return self._of_model(annotation)
        return JSON

    def _kinds_of(self, wire: str, models: tuple[type[msgspec.Struct], ...]) -> GraphQLInterfaceType:
        """The interface of several models: all that they have in common, and a way to the rest."""
        members = [self._of_model(model) for model in models]
        return self._interface(wire[0].upper() + wire[1:], members)

    def _hashes(self) -> GraphQLInterfaceType:
        for name, own in _HASHES.items():
            fields = {"type": GraphQLString, **own}
            if name not in self._objects:
                self._objects[name] = GraphQLObjectType(
                    name,
                    {wire: _field(type_, reader(wire, wire)) for wire, type_ in fields.items()},
                    lambda name=name: self._interfaces.get(name, ()),
                )
        return self._interface("HashOptions", [self._objects[name] for name in _HASHES])

    def _interface(self, name: str, members: list[GraphQLObjectType]) -> GraphQLInterfaceType:
        if name not in self._kinds:
            names = tuple(member.name for member in members)
            made = self._kinds[name] = GraphQLInterfaceType(
                name, lambda: _common(members), resolve_type=lambda source, *_: kind_of(source, names)
            )
            for member in names:
                self._interfaces[member] = (*self._interfaces.get(member, ()), made)
        return self._kinds[name]


def _common(members: list[GraphQLObjectType]) -> _Fields:
    """The fields that all members have with the same type."""
    first, *others = (member.fields for member in members)
    return {
        name: GraphQLField(field.type)
        for name, field in first.items()
        if all(name in other and str(other[name].type) == str(field.type) for other in others)
    }


def _field(type_: GraphQLOutputType, read: Reader) -> GraphQLField:
    return GraphQLField(type_, resolve=FieldReader(read))


def _ok(_source: Any, _info: GraphQLResolveInfo[Any]) -> str:
    return "OK"


def _plural(model: type) -> str:
    """The field that lists models of several kinds, by the one word that their names begin with."""
    return {"Policy": "policies", "Platfo": "platforms"}[model.__name__[:6]]
