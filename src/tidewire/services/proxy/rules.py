"""Rules: made, listed, verified and deleted."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Final

from tidewire.core.checks.addresses import Domain, Url
from tidewire.core.checks.lists import QueryList
from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.numbers import Boolean
from tidewire.core.checks.texts import AnyCaseChoice, Search, StatusCode, Text
from tidewire.core.errors import TidewireError
from tidewire.core.events import Event
from tidewire.core.models import ProxyRule, ProxyRuleList
from tidewire.core.rate_limits import RateLimit
from tidewire.services.answers import shown
from tidewire.services.context import Context
from tidewire.services.functions.rules import follow_function
from tidewire.services.project.records import change_in_instance, managed_project
from tidewire.services.proxy import operations
from tidewire.services.proxy.verification import own_hosts, problem_of
from tidewire.services.publishing import event_of
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.records import rules as records
from tidewire.store.records.functions import function_row

RULE_CREATED: Final = "rules.[ruleId].create"
RULE_UPDATED: Final = "rules.[ruleId].update"
RULE_DELETED: Final = "rules.[ruleId].delete"

RULES: Final = "/proxy/rules"
RULE: Final = "/proxy/rules/{ruleId}"
_QUERY_KINDS: Final = ("limit", "offset", "cursor", "filter", "order")
_LIMIT: Final = RateLimit(10, 60, ("userId:{userId}, url:{url}",))
_declare_creation: Final = partial(
    operations.declare, scopes=("rules.write",), status=201, event=RULE_CREATED, limit=_LIMIT
)
"""Declare an operation that makes a rule."""


@operations.declare("listRules", "GET", RULES, scopes=("rules.read",))
async def list_rules(
    context: Context,
    queries: Annotated[Sequence[str], QueryList(tuple(records.RULES.attributes), _QUERY_KINDS)] = (),
    total: Boolean = True,
    search: Search = "",
) -> ProxyRuleList:
    """List the domains of the project."""
    project_id = managed_project(context).id
    count, rows = await context.instance.database.read(
        lambda connection: records.list_rules(connection, project_id, queries, search, total)
    )
    return ProxyRuleList(total=count, rules=[rule_of(row) for row in rows])


@operations.declare("getRule", "GET", RULE, scopes=("rules.read",))
async def get_rule(context: Context, rule_id: ResourceId) -> ProxyRule:
    """Get a domain of the project."""
    project_id = managed_project(context).id
    return rule_of(
        await context.instance.database.read(
            lambda connection: records.find_rule(connection, project_id, rule_id)
        )
    )


@_declare_creation("createAPIRule", "POST", RULES + "/api")
async def create_api_rule(context: Context, domain: Annotated[str, Domain()]) -> ProxyRule:
    """Let the API answer for this project at a domain, where requests name none."""
    return await _create(context, domain, type="api")


@_declare_creation("createFunctionRule", "POST", RULES + "/function")
async def create_function_rule(
    context: Context,
    domain: Annotated[str, Domain()],
    function_id: ResourceId,
    branch: Annotated[str, Text(0, 255)] = "",
) -> ProxyRule:
    """Let a function answer all requests for a domain."""
    if branch:
        message = "Invalid `branch` param: this server knows no Git host, so functions have no branches."
        raise TidewireError("general_argument_invalid", message)
    return await _create_for_function(context, function_id, domain, type=records.DEPLOYMENT)


@_declare_creation("createRedirectRule", "POST", RULES + "/redirect")
async def create_redirect_rule(
    context: Context,
    domain: Annotated[str, Domain()],
    url: Annotated[str, Url()],
    status_code: Annotated[str, StatusCode(("301", "302", "307", "308"))],
    resource_id: ResourceId,
    resource_type: Annotated[str, AnyCaseChoice(("site", "function"))],
) -> ProxyRule:
    """Send all requests for a domain to another address. The rule ends with its function."""
    if resource_type == "site":
        raise TidewireError("rule_resource_not_found", "There is no site with this id: this server has none.")
    return await _create_for_function(
        context,
        resource_id,
        domain,
        type=records.REDIRECT,
        redirect_url=url,
        redirect_status_code=int(status_code),
    )


@operations.declare(
    "updateRuleStatus",
    "PATCH",
    RULE + "/status",
    aliases=(RULE + "/verification",),
    scopes=("rules.write",),
    event=RULE_UPDATED,
)
async def update_rule_status(context: Context, rule_id: ResourceId) -> ProxyRule:
    """Look again whether a domain leads here; until it does, nothing is answered for it."""
    project_id = managed_project(context).id
    rule = await context.instance.database.read(
        lambda connection: records.find_rule(connection, project_id, rule_id)
    )
    problem = "" if rule.status == "verified" else await problem_of(rule.domain, context.settings)

    def unit(connection: Connection) -> Row[Any]:
        current = records.find_rule(connection, project_id, rule_id)
        return records.update_rule(connection, current.sequence, **_status_of(problem))

    changed = await change_in_instance(context, unit, lambda row: _event(context, RULE_UPDATED, row))
    if problem:
        raise TidewireError("rule_verification_failed", problem)
    return rule_of(changed)


@operations.declare("deleteRule", "DELETE", RULE, scopes=("rules.write",), event=RULE_DELETED)
async def delete_rule(context: Context, rule_id: ResourceId) -> None:
    """Delete a rule: nothing is answered for its domain any more, and others may have it."""
    project_id = managed_project(context).id

    def unit(connection: Connection) -> Row[Any]:
        row = records.find_rule(connection, project_id, rule_id)
        records.delete_rule(connection, row.sequence)
        return row

    await change_in_instance(context, unit, lambda row: _event(context, RULE_DELETED, row))


async def _create_for_function(context: Context, function_id: str, domain: str, **values: Any) -> ProxyRule:
    """Add a rule of a function. Raises ``rule_resource_not_found``."""
    function = await context.database.read(lambda connection: function_row(connection, function_id))
    if function is None:
        raise TidewireError("rule_resource_not_found", "There is no function with this id.")
    created = await _create(
        context,
        domain,
        deployment_id=function.deployment_id if values["type"] == records.DEPLOYMENT else "",
        deployment_resource_type="function",
        deployment_resource_id=function_id,
        **values,
    )
    # The function may have been changed or deleted meanwhile, without knowing of this rule.
    await follow_function(context.instance, context.database, function_id)
    return created


async def _create(context: Context, domain: str, **values: Any) -> ProxyRule:
    """Add a rule. A domain that does not lead here yet is kept, unverified, so that it can be set up."""
    project_id, most = managed_project(context).id, context.settings.rules_per_project
    if domain in own_hosts(context.settings):
        message = f"Invalid `domain` param: {domain} is a name of this server itself."
        raise TidewireError("general_argument_invalid", message)
    taken = await context.instance.database.read(lambda connection: records.has_rule(connection, domain))
    problem = "" if taken else await problem_of(domain, context.settings)
    created = await change_in_instance(
        context,
        lambda connection: records.insert_rule(
            connection, project_id, most, domain=domain, **_status_of(problem), **values
        ),
        lambda row: _event(context, RULE_CREATED, row),
    )
    return rule_of(created)


def _status_of(problem: str) -> dict[str, str]:
    return {"status": "unverified" if problem else "verified", "logs": problem}


def _event(context: Context, pattern: str, row: Row[Any]) -> Event:
    return event_of(context, pattern, {"ruleId": row.id}, rule_of(row))


def rule_of(row: Row[Any]) -> ProxyRule:
    """The rule as the API shows it."""
    return shown(
        ProxyRule,
        row,
        deployment_resource_type=row.deployment_resource_type or None,
        renew_at="",
    )
