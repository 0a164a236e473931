"""Checks of parameters in the terms of the API catalog: ``min_length``, ``format``, ``enum`` and so on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Any, Final

from tidewire.core.checks.addresses import (
    Domain,
    Email,
    Hostname,
    Phone,
    PublicDomain,
    RedirectUrl,
    RemoteUrl,
    Url,
    WebhookUrl,
)
from tidewire.core.checks.colors import HexColor
from tidewire.core.checks.functions import ROLES, RequestHeaders, Role, RoleList, Schedule, TriggerPattern
from tidewire.core.checks.lists import Items, JsonObject, JsonOrText, PermissionList, QueryList
from tidewire.core.checks.names import EventPattern, Id, KeyName, NewId, NewProjectId
from tidewire.core.checks.numbers import Datetime, Flag, Fraction, FutureTime, Int32, Int64, LooseInt32, Whole
from tidewire.core.checks.texts import (
    Alphanumeric,
    AnyCaseChoice,
    Choice,
    Content,
    Digits,
    FolderPath,
    LocaleCode,
    NotBlank,
    OrEmpty,
    Password,
    Secret,
    Text,
    Timezone,
)
from tidewire.core.parameters import Check
from tidewire.services.databases.parameters import Geometry, Number, Order, RowQueries, ValueOf
from tidewire.services.databases.transactions.operation_list import OperationList
from tidewire.services.messaging.parameters import FilePlace, Future, Listed
from tidewire.services.presences.writing import NearFuture
from tidewire.services.project.oauth2 import MaxAge
from tidewire.services.projects.mock_numbers import PhoneWithOtp

Terms = dict[str, object]


def terms(check: Check) -> Terms:
    """What the catalog says of a parameter with this check; nothing for a check without a rule here."""
    return next((_TERMS[kind](check) for kind in type(check).__mro__ if kind in _TERMS), {})


def _text(check: Text) -> Terms:
    limits = {"min_length": check.minimum, "max_length": check.maximum}
    return {name: limit for name, limit in limits.items() if limit}


def _queries(check: QueryList) -> Terms:
    queryable = {"queryable": list(check.queryable)} if check.queryable else {}
    return {"query_kinds": list(check.kinds), "items": {"format": "query"}, **queryable}


def _permissions(check: PermissionList) -> Terms:
    actions = list(check.allowed)
    return {"max_items": check.maximum, "allowed_actions": actions, "items": {"format": "permission"}}


def _operations(check: OperationList) -> Terms:
    keys = {"collection_key": check.table_key, "document_key": check.row_key}
    return {"items": {"format": "transaction-operation", **keys}}


def _row_queries(check: RowQueries) -> Terms:
    items = {"min_length": 1, "max_length": check.longest, "format": "query"}
    return {"max_items": check.maximum, "items": items}


def _mock_number(check: PhoneWithOtp) -> Terms:
    parts = {"phone": check.phone, "otp": check.otp}
    return {"properties": {name: {"type": "string", **terms(part)} for name, part in parts.items()}}


_TERMS: Final[Mapping[type, Callable[[Any], Terms]]] = {
    Email: lambda _: {"format": "email"},
    Phone: lambda _: {"format": "phone-e164"},
    RedirectUrl: lambda _: {"format": "redirect-url"},
    Url: lambda _: {"format": "url"},
    RemoteUrl: lambda _: {"format": "url", "schemes": ["http", "https"]},
    WebhookUrl: lambda _: {"format": "url", "schemes": ["http", "https"], "also": ["public-domain"]},
    Hostname: lambda _: {"format": "hostname", "max_length": 253},
    Domain: lambda _: {"format": "domain"},
    PublicDomain: lambda _: {"format": "public-domain"},
    Items: lambda check: {"max_items": check.maximum, "items": terms(check.item)},
    Listed: lambda check: {"items": terms(check.item)},
    FilePlace: lambda _: {"format": "compound-uid"},
    Future: lambda _: {"format": "datetime", "future": True},
    PermissionList: _permissions,
    QueryList: _queries,
    JsonObject: lambda check: {"max_bytes": check.maximum} if check.maximum else {},
    JsonOrText: lambda _: {"accepts_json_string": True},
    Id: lambda _: {"format": "uid", "max_length": 36},
    NewId: lambda _: {"format": "custom-id", "max_length": 36},
    NewProjectId: lambda _: {"format": "project-id", "max_length": 36},
    KeyName: lambda check: {"format": "key", "max_length": check.maximum},
    EventPattern: lambda _: {"format": "event-pattern"},
    TriggerPattern: lambda _: {"format": "event-pattern", "not_prefix": "functions."},
    Role: lambda _: {"format": "role"},
    RoleList: lambda check: {
        "max_items": check.maximum,
        "allowed_roles": list(ROLES),
        "items": terms(check.item),
    },
    Schedule: lambda _: {"format": "cron"},
    RequestHeaders: lambda check: {"accepts_json_string": True, "max_bytes": check.maximum},
    Whole: lambda check: {"min": check.minimum, "max": check.maximum, "accepts_strings": True},
    MaxAge: lambda check: {"min": check.minimum, "accepts_strings": True},
    Int32: lambda _: {"format": "int32"},
    Int64: lambda _: {"format": "int64"},
    LooseInt32: lambda _: {"format": "int32", "accepts_strings": True},
    Flag: lambda _: {"accepts_strings": True},
    Datetime: lambda _: {"format": "datetime"},
    Fraction: lambda check: {"min": check.minimum, "max": check.maximum, "accepts_strings": True},
    HexColor: lambda _: {"format": "hex-color"},
    FutureTime: lambda _: {"format": "datetime", "future": True},
    Text: _text,
    Secret: lambda check: {"format": "secret", **_text(check)},
    Password: lambda check: {"format": "password", **_text(check)},
    NotBlank: lambda check: {**_text(check), "non_blank": True},
    Alphanumeric: lambda check: {**_text(check), "allowed_chars": digits + ascii_uppercase + ascii_lowercase},
    Digits: lambda check: {**_text(check), "allowed_chars": "0-9"},
    FolderPath: lambda check: {"format": "folder-path", "max_length": check.maximum},
    Content: lambda check: {"max_length": check.maximum},
    Choice: lambda check: {"enum": list(check.values)},
    Timezone: lambda _: {"case_insensitive": True},
    LocaleCode: lambda _: {"case_insensitive": True},
    AnyCaseChoice: lambda check: {"enum": list(check.values), "case_insensitive": True},
    OrEmpty: lambda check: {**terms(check.check), "allow_empty": True},
    RowQueries: _row_queries,
    Number: lambda check: {"accepts_strings": True} if check.loose else {},
    ValueOf: lambda check: {"format": check.format},
    Geometry: lambda check: {"format": f"geo-{check.shape}"},
    Order: lambda _: {"case_insensitive": True},
    OperationList: _operations,
    NearFuture: lambda _: {"format": "datetime", "future": True},
    PhoneWithOtp: _mock_number,
}
"""Kind of check to what the catalog says of it. A kind without a row has that of the kind it is made from."""
