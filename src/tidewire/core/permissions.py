"""Permission strings such as ``read("user:5f3a")``: their grammar, expansion and meaning."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from tidewire.core.ids import is_id

_FORM: Final = re.compile(r'([a-z]+)\("([^"()]*)"\)')
_WRITES: Final = ("create", "update", "delete")
"""What ``write`` stands for."""
_VERIFICATIONS: Final = ("verified", "unverified")
_TEAM_ROLE: Final = re.compile(r"[A-Za-z0-9._-]{1,81}")
_LABEL: Final = re.compile(r"[A-Za-z0-9]{1,36}")
_SHOWN_LENGTH: Final = 100
"""Characters of a wrong entry that an error message repeats."""


class InvalidPermissionError(ValueError):
    """A list of permissions that cannot be accepted; the text says which entry and why."""


def permission(action: str, role: str) -> str:
    """The permission string that grants ``action`` to ``role``."""
    return f'{action}("{role}")'


def validate_permissions(permissions: Sequence[str], allowed: Sequence[str], limit: int) -> None:
    """Check a client's list: at most ``limit`` entries of ``allowed`` types, each for a well-formed role.

    Raises :class:`InvalidPermissionError`.
    """
    if len(permissions) > limit:
        raise InvalidPermissionError(f"At most {limit} permissions are allowed, not {len(permissions)}.")
    for number, entry in enumerate(permissions, start=1):
        problem = _problem_of_entry(entry, allowed)
        if problem:
            raise InvalidPermissionError(f"Permission {number}, {_shown(entry)}, is not valid: {problem}")


def expand_permissions(permissions: Sequence[str] | None, allowed: Sequence[str]) -> list[str] | None:
    """Replace each ``write`` by those of create, update and delete that are ``allowed``, and drop duplicates.

    The order is kept. None, an absent list, stays None.
    """
    if permissions is None:
        return None
    expanded: dict[str, None] = {}
    for entry in permissions:
        action, role = _parts(entry)
        if action == "write":
            expanded.update((permission(each, role), None) for each in _WRITES if each in allowed)
        else:
            expanded[entry] = None
    return list(expanded)


def roles_granted(permissions: Iterable[str], action: str) -> list[str]:
    """The roles to which ``permissions`` grant ``action``, in order, each once."""
    prefix, suffix = f'{action}("', '")'
    granted = (entry for entry in permissions if entry.startswith(prefix) and entry.endswith(suffix))
    return list(dict.fromkeys(entry[len(prefix) : -len(suffix)] for entry in granted))


def problem_of_role(role: str) -> str:
    """What is wrong with a role as written in a permission; empty if nothing is."""
    head, slash, dimension = role.partition("/")
    name, colon, identifier = head.partition(":")
    if name not in _ROLE_NAMES:
        return f"a role is one of {', '.join(_ROLE_NAMES)}."
    if name in {"any", "guests", "users"}:
        if colon:
            return f"the role {name} takes no identifier."
    elif name == "label":
        if not _LABEL.fullmatch(identifier):
            return "a label has 1 to 36 letters and digits, as in label:vip."
    elif not is_id(identifier):
        return f"the role {name} needs an id, as in {name}:ID."
    return _problem_of_dimension(name, dimension) if slash else ""


_ROLE_NAMES: Final = ("any", "guests", "users", "user", "team", "member", "label")


def _problem_of_dimension(name: str, dimension: str) -> str:
    """What is wrong with the part after the slash."""
    if name in {"user", "users"}:
        return "" if dimension in _VERIFICATIONS else f"after {name}/ only verified or unverified may follow."
    if name == "team":
        if _TEAM_ROLE.fullmatch(dimension):
            return ""
        return "a team role has 1 to 81 letters, digits, periods, hyphens and underscores."
    return f"nothing may follow the role {name} after a slash."


def _problem_of_entry(entry: str, allowed: Sequence[str]) -> str:
    """What is wrong with one permission; empty if nothing is."""
    action, role = _parts(entry)
    if not action:
        return 'a permission has the form type("role"), as in read("any").'
    if action not in allowed:
        return f"its type must be one of {', '.join(allowed)}."
    return problem_of_role(role)


def _parts(entry: str) -> tuple[str, str]:
    """Type and role of a permission; two empty strings if it has not the form of one."""
    match = _FORM.fullmatch(entry)
    return (match[1], match[2]) if match else ("", "")


def _shown(entry: str) -> str:
    return entry if len(entry) <= _SHOWN_LENGTH else entry[:_SHOWN_LENGTH] + "…"
