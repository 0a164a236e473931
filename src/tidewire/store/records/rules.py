"""Rules: the domains that lead to functions and to the APIs of projects, in the instance's database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Row, bindparam, delete, select, update

from tidewire.core.errors import TidewireError
from tidewire.core.ids import unique_id
from tidewire.core.time import now
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.prepared_statements import Prepared
from tidewire.store.engine.state import read_state, write_state
from tidewire.store.lists.resource_lists import list_rows, resource_list
from tidewire.store.records.rows import count_rows, delete_row, find_row, insert_row, update_row
from tidewire.store.schema import rules, state

RULES: Final = resource_list(
    rules,
    "domain",
    "type",
    "trigger",
    "deploymentResourceType",
    "deploymentId",
    "deploymentResourceId",
    "deploymentVcsProviderBranch",
    searchable=(rules.c.id, rules.c.domain, rules.c.deployment_resource_id),
)

DEPLOYMENT: Final = "deployment"
"""The type of rules that have a function answer."""
REDIRECT: Final = "redirect"
"""The type of rules that send clients elsewhere."""

_VERSION: Final = "rules"
_version: Final = Prepared(select(state.c.value).where(state.c.name == bindparam("name")))


class Place(NamedTuple):
    """What a domain leads to."""

    project_id: str
    function_id: str
    """The function that answers; empty: the API of the project does."""
    redirect_url: str = ""
    """The address that clients are sent to, without anybody being asked; empty if they are answered here."""
    redirect_status_code: int = 301


def rules_version(connection: Connection) -> str:
    """The version of all rules: it changes whenever one of them does. Takes microseconds."""
    found = _version.fetch(connection, {"name": _VERSION})
    return str(found[0][0]) if found else ""


def places(connection: Connection) -> dict[str, Place]:
    """What each verified domain leads to."""
    columns = (
        rules.c.project_id,
        rules.c.deployment_resource_id,
        rules.c.redirect_url,
        rules.c.redirect_status_code,
    )
    verified = select(rules.c.domain, *columns).where(rules.c.status == "verified")
    return {domain: Place(*place) for domain, *place in connection.execute(verified)}


def list_rules(
    connection: Connection, project_id: str, queries: Sequence[str], search: str, total: bool
) -> tuple[int, list[Row[Any]]]:
    """A page of the rules of a project, and how many there are. Raises what :func:`list_rows` raises."""
    return list_rows(connection, RULES, queries, search, (), total, project_id=project_id)


def find_rule(connection: Connection, project_id: str, rule_id: str) -> Row[Any]:
    """The rule with this id; raises ``rule_not_found``."""
    row = find_row(connection, rules, project_id=project_id, id=rule_id)
    if row is None:
        raise TidewireError("rule_not_found", "There is no rule with this id.")
    return row


def has_rule(connection: Connection, domain: str) -> bool:
    """Whether a domain, in lower case, is taken, by whichever project."""
    return find_row(connection, rules, domain=domain) is not None


def insert_rule(connection: Connection, project_id: str, most: int, **values: Any) -> Row[Any]:
    """Add a rule to a project that has fewer than ``most``.

    Raises ``rule_already_exists``, whichever project has the domain, and ``general_bad_request``.
    """
    if has_rule(connection, values["domain"]):
        raise TidewireError("rule_already_exists", f"There is a rule for {values['domain']!r} already.")
    if count_rows(connection, rules, project_id=project_id) >= most:
        message = f"The project has {most} rules already (setting rules_per_project): delete one first."
        raise TidewireError("general_bad_request", message)
    row = insert_row(connection, rules, id=unique_id(), project_id=project_id, **values)
    _changed(connection)
    return row


def update_rule(connection: Connection, sequence: int, **values: Any) -> Row[Any]:
    """Change columns of a rule, and when it was changed last."""
    row = update_row(connection, rules, sequence, **values)
    _changed(connection)
    return row


def delete_rule(connection: Connection, sequence: int) -> None:
    """Delete a rule: its domain is free."""
    delete_row(connection, rules, sequence)
    _changed(connection)


def point_rules(connection: Connection, project_id: str, function_id: str, deployment_id: str) -> None:
    """Note which deployment of a function is the active one. Where its domains lead does not depend on it."""
    other = (rules.c.type == DEPLOYMENT) & (rules.c.deployment_id != deployment_id)
    changed = update(rules).where(*_of_function(project_id, function_id), other)
    connection.execute(changed.values(deployment_id=deployment_id, updated_at=now()))


def delete_rules_of_function(connection: Connection, project_id: str, function_id: str, moment: int) -> None:
    """Delete the rules of a function that were made until ``moment``, milliseconds since the epoch."""
    own = (*_of_function(project_id, function_id), rules.c.created_at <= moment)
    if connection.execute(delete(rules).where(*own)).rowcount:
        _changed(connection)


def delete_rules_of_project(connection: Connection, project_id: str) -> None:
    """Delete the rules of a project that is deleted."""
    if connection.execute(delete(rules).where(rules.c.project_id == project_id)).rowcount:
        _changed(connection)


def _of_function(project_id: str, function_id: str) -> tuple[Any, ...]:
    return (rules.c.project_id == project_id, rules.c.deployment_resource_id == function_id)


def _changed(connection: Connection) -> None:
    write_state(connection, _VERSION, str(int(read_state(connection, _VERSION) or 0) + 1))
