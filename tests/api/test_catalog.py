"""Every declared operation, held against the catalog of the API that clients were written for."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest
from msgspec import inspect

from tests.api.catalog_terms import terms
from tests.reference.catalog import Entry, enums, models, operations
from tests.reference.validation import ADDED_FIELDS
from tidewire.api.registry import Registry
from tidewire.core.models import AnyAttribute, AnyColumn, AttributeObject, AttributeVector
from tidewire.core.oauth_providers import OAUTH_PROVIDERS
from tidewire.core.operations import Operation
from tidewire.core.parameters import Parameter
from tidewire.oauth.fields import OPENID_PROMPTS, PROMPTS
from tidewire.services import ALL_OPERATIONS

REGISTRY = Registry(ALL_OPERATIONS)

MODEL_NAMES = {"Account": "User", "AnyObject": "Any"}
"""Names of models here that are other ones in the catalog."""

KINDS = {
    "ColumnList.columns": get_args(AnyColumn),
    "Table.columns": get_args(AnyColumn),
    "AttributeList.attributes": get_args(AnyAttribute),
    "Collection.attributes": get_args(AnyAttribute),
    "VectorsdbCollection.attributes": (AttributeObject, AttributeVector),
}
"""What is in lists whose declarations say less, because no single field tells the models apart."""

EVENTS = {
    "vectorsDB.createIndex": "databases.[databaseId].collections.[collectionId].indexes.[indexId].create",
}
"""Events that webhooks can be told of, where the catalog's entry has words that they cannot."""

SCOPES = {"functions.listRuntimes": ("functions.read",)}
"""Scopes that the catalog lacks: keys, which it names among the callers, do not have the scope of guests."""

_SPECIFICATION: dict[str, Any] = {"default": "s-1vcpu-512mb"}
PARAMETERS: dict[str, dict[str, dict[str, Any]]] = {
    "avatars.getFlag": {"code": {"enum": enums()["Flag"]["values"]}},
    "avatars.getScreenshot": {
        "permissions": {
            "constraints": {"max_items": 100},
            "items": {
                "constraints": {
                    "case_insensitive": True,
                    "enum": [
                        "geolocation",
                        "camera",
                        "microphone",
                        "notifications",
                        "midi",
                        "push",
                        "clipboard-read",
                        "clipboard-write",
                        "payment-handler",
                        "usb",
                        "bluetooth",
                        "accelerometer",
                        "gyroscope",
                        "magnetometer",
                        "ambient-light-sensor",
                        "background-sync",
                        "persistent-storage",
                        "screen-wake-lock",
                        "web-share",
                        "xr-spatial-tracking",
                    ],
                }
            },
        }
    },
    "functions.create": {"buildSpecification": _SPECIFICATION, "runtimeSpecification": _SPECIFICATION},
    "functions.listTemplates": {
        "useCases": {
            "items": {
                "constraints": {
                    "case_insensitive": True,
                    "enum": ["starter", "databases", "ai", "messaging", "utilities", "dev-tools", "auth"],
                }
            }
        }
    },
    "tokens.list": {
        "queries": {
            "constraints": {
                "query_kinds": ["limit", "offset", "cursor", "filter", "order"],
                "queryable": ["expire", "$id", "$createdAt", "$updatedAt", "$sequence"],
            }
        }
    },
    "tokens.update": {"expire": {"default": msgspec.UNSET}},
    **{
        f"project.updateOAuth2{name}": {"prompt": {"items": {"constraints": {"enum": list(prompts)}}}}
        for name, prompts in {"Google": PROMPTS, "Oidc": OPENID_PROMPTS}.items()
    },
    **{
        f"account.{name}": {"provider": {"enum": list(OAUTH_PROVIDERS)}}
        for name in (
            "createOAuth2Session",
            "createOAuth2Token",
            "oauth2Callback",
            "oauth2CallbackPost",
            "oauth2Redirect",
        )
    },
    "project.getOAuth2Provider": {"providerId": {"enum": list(OAUTH_PROVIDERS)}},
    "projects.updateOAuth2Legacy": {"provider": {"enum": list(OAUTH_PROVIDERS)}},
    "messaging.createTopic": {"subscribe": {"default": ["users"]}},
    "webhooks.update": {
        "authUsername": {"constraints": {"min_length": 1, "max_length": 256, "allow_empty": True}},
        "authPassword": {
            "constraints": {"min_length": 1, "max_length": 256, "format": "secret", "allow_empty": True},
            "default": None,
            "nullable": True,
        },
    },
}
"""What is other than in the catalog on purpose: a function begins with the model's specification, not the
largest; no answer has the password of a webhook, so an update need not have it; tokens can be found by when
they expire, and an update that does not say when leaves that as it is."""

BY_PROVIDERS = {f"account.oauth2{name}": {"user"} for name in ("Callback", "CallbackPost", "Redirect")}
"""Parameters that a provider sends, which the catalog does not name."""

TYPES: dict[type[inspect.Type], str] = {
    inspect.StrType: "string",
    inspect.BoolType: "boolean",
    inspect.IntType: "integer",
    inspect.FloatType: "number",
    inspect.ListType: "array",
    inspect.DictType: "object",
    inspect.StructType: "object",
}


@pytest.fixture(
    params=[each for each in REGISTRY.operations if not each.extension],
    ids=lambda operation: operation.name,
)
def operation(request: pytest.FixtureRequest) -> Operation:
    """Each declared operation."""
    declared: Operation = request.param
    return declared


@pytest.fixture
def entry(operation: Operation) -> Entry:
    """Its entry in the catalog."""
    return operations()[operation.name]


def test_extensions_are_named_and_take_nothing_from_the_catalog() -> None:
    own = {operation.name for operation in REGISTRY.operations if operation.extension}
    assert own == {
        "health.getFunctions",
        "realtime.createChannel",
        "realtime.createMessage",
        "realtime.deleteChannel",
        "realtime.explain",
        "realtime.getChannel",
        "realtime.listChannels",
        "realtime.listConnections",
        "realtime.listMembers",
        "realtime.listEvents",
        "realtime.updateChannel",
    }
    assert not own & operations().keys()


def test_something_is_declared() -> None:
    assert len(REGISTRY.operations) > 15


def test_routes(operation: Operation, entry: Entry) -> None:
    http = entry["http"]
    assert (operation.method, operation.path) == (http["method"], http["path"])
    others = {*http.get("path_aliases", []), *http.get("sdk_paths", {}).values()}
    assert sorted(operation.aliases) == sorted(others)


def test_rights_and_groups(operation: Operation, entry: Entry) -> None:
    if entry["scopes"] is not None:
        assert sorted(operation.scopes) == sorted([*entry["scopes"], *SCOPES.get(operation.name, ())])
    for group in ("session", "mfa", "mfaProtected"):
        assert (group in operation.groups) == (group in (entry.get("groups") or [])), group
    assert operation.event == EVENTS.get(operation.name, entry["event"])


def test_rate_limits(operation: Operation, entry: Entry) -> None:
    expected = entry["abuse_limit"]
    if expected is None:
        assert operation.limit is None
    else:
        assert operation.limit is not None
        keys = [expected["key"]] if isinstance(expected["key"], str) else expected["key"]
        assert operation.limit.limit == expected["limit"]
        assert operation.limit.window_seconds == expected["window_seconds"]
        assert sorted(operation.limit.keys) == sorted(keys)


def test_answer(operation: Operation, entry: Entry) -> None:
    expected = entry["response"]
    kind = "empty" if expected["kind"] == "error" else expected["kind"]
    assert (operation.status, operation.kind) == (expected["status"], kind)
    names = [MODEL_NAMES.get(model.__name__, model.__name__) for model in operation.models]
    assert names == _listed(expected["model"])


def test_parameters(operation: Operation, entry: Entry) -> None:
    multipart = entry.get("request_content_type") == "multipart/form-data"
    assert operation.multipart == multipart
    declared = {parameter.name: parameter for parameter in operation.parameters}
    changed = PARAMETERS.get(operation.name, {})
    expected = {each["name"]: each | changed.get(each["name"], {}) for each in entry["parameters"]}
    assert declared.keys() - BY_PROVIDERS.get(operation.name, set()) <= expected.keys()
    for name, parameter in expected.items():
        if name in declared:
            unserved = entry["join"] == "sdk-only" or parameter.get("server") is False
            compare = _known_to_sdks if unserved else _problems
            assert compare(declared[name], parameter) == [], name
        else:
            # What only newer SDKs send is ignored, what only older ones sent may be.
            assert parameter.get("server") is False or parameter.get("deprecated"), name


def test_model_fields(operation: Operation) -> None:
    for model in operation.models:
        _compare_model(model)


def _problems(declared: Parameter, expected: dict[str, Any]) -> list[str]:
    found: list[tuple[str, object, object]] = [
        ("location", declared.location, expected["in"]),
        ("type", declared.check.json_type, expected["type"]),
        ("required", declared.required, expected["required"]),
        ("constraints", *_constraints(declared, expected)),
    ]
    if not declared.required:
        default = list(declared.default) if isinstance(declared.default, tuple) else declared.default
        found.append(("default", default, expected.get("default")))
    if expected.get("nullable"):
        found.append(("nullable", declared.nullable, True))
    return [f"{what}: {ours!r}, not {theirs!r}" for what, ours, theirs in found if ours != theirs]


def _known_to_sdks(declared: Parameter, expected: dict[str, Any]) -> list[str]:
    """What the SDKs tell of a parameter that no server has."""
    ours, theirs = (declared.location, declared.check.json_type), (expected["in"], expected["type"])
    return [] if ours == theirs else [f"{ours}, not {theirs}"]


def _constraints(declared: Parameter, expected: dict[str, Any]) -> tuple[object, object]:
    theirs = dict(expected.get("constraints", {}))
    if "enum" in expected:
        theirs["enum"] = expected["enum"]
    if expected.get("items"):
        theirs["items"] = expected["items"].get("constraints", {})
    return terms(declared.check), theirs


def _compare_model(model: type[msgspec.Struct]) -> None:
    entry = models()[MODEL_NAMES.get(model.__name__, model.__name__)]
    if entry["dynamic"]:
        return
    described = inspect.type_info(model)
    assert isinstance(described, inspect.StructType)
    ours = {field.encode_name: field for field in described.fields}
    if described.tag_field is not None:
        assert described.tag in _listed(entry["discriminator"][described.tag_field])
    assert ours.keys() - ADDED_FIELDS.get(model.__name__, set()) <= entry["fields"].keys()
    for name, field in entry["fields"].items():
        if name not in ours:
            assert not field["required"] or name == described.tag_field, f"{model.__name__}.{name}"
            continue
        _compare_field(f"{model.__name__}.{name}", ours[name].type, field)


def _compare_field(name: str, ours: inspect.Type, expected: dict[str, Any]) -> None:
    if isinstance(ours, inspect.UnionType):
        # An optional field may be null; one that always has a value fits too.
        assert expected["nullable"], name
        (ours,) = (member for member in ours.types if not isinstance(member, inspect.NoneType))
    assert TYPES[type(ours)] == expected["type"], name
    if isinstance(ours, inspect.ListType):
        items = KINDS.get(name) or _models_of(ours.item_type)
        assert [item.__name__ for item in items] == _listed(
            expected["array_of"].get("models", expected["array_of"].get("model") if items else None)
        ), name
        for item in items:
            _compare_model(item)


def _models_of(described: inspect.Type) -> list[type[msgspec.Struct]]:
    members = described.types if isinstance(described, inspect.UnionType) else (described,)
    return [member.cls for member in members if isinstance(member, inspect.StructType)]


def _listed(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]
