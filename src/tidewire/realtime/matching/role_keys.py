"""Role keys: under which roles subscriptions stand in the matching index, and where an event looks for them.

- Every connection belongs to one *class*: the set of the roles in :data:`CLASS_ROLES` that it holds. There
  are a handful of classes, which do not overlap, and together they are everybody, as ``any`` means.
- Roles shared by some users (``team:…``, ``label:…``) have an entry of their own.
- Roles of a single user (``user:…``, ``member:…``) have no entry: they lead to the user's connections.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from tidewire.realtime.receivers.receiver import EVERYTHING, Receiver

ANYONE: Final = "any"
"""A role that every connection holds without listing it, if it holds one at all."""
CLASS_ROLES: Final = frozenset({"guests", "users", "users/verified", "users/unverified"})
_PERSONAL: Final = ("user:", "member:")
Key = frozenset[str] | str | tuple[str, object]
"""A class of connections, or a role that some users share; held connections have keys of their own."""


def of_held(key: Key) -> Key:
    """The key for connections that are held back until they have got what they missed."""
    return ("held", key)


_CLASSES: Final[dict[frozenset[str], frozenset[str]]] = {}
"""All classes seen, each kept once; there can be no more than 16."""


def _class_of(roles: Iterable[str]) -> frozenset[str]:
    own = CLASS_ROLES.intersection(roles)
    return _CLASSES.setdefault(own, own)


def keys(receiver: Receiver) -> tuple[Key, ...]:
    """The keys under which the subscriptions of a connection stand; none if it has no roles."""
    return _keys_of(receiver.roles, receiver.replay is not None)


@lru_cache(maxsize=1024)
def _keys_of(roles: tuple[str, ...], held: bool) -> tuple[Key, ...]:
    if held:
        return tuple(map(of_held, _keys_of(roles, held=False)))
    if not roles or roles == EVERYTHING:
        return roles
    shared = dict.fromkeys(
        role for role in roles if role not in CLASS_ROLES and not role.startswith(_PERSONAL)
    )
    return (_class_of(roles), *shared)


def sorted_roles(roles: Iterable[str]) -> tuple[list[frozenset[str]], list[str], list[str]]:
    """The roles of an event as classes, shared and personal ones."""
    wanted = dict.fromkeys(roles)
    if ANYONE in wanted:
        return list(_CLASSES), [*EVERYTHING], []
    classes = [known for known in _CLASSES if not known.isdisjoint(wanted)]
    personal = [role for role in wanted if role.startswith(_PERSONAL)]
    shared = [role for role in wanted if role not in CLASS_ROLES and not role.startswith(_PERSONAL)]
    return classes, [*EVERYTHING, *shared], personal


def memberships(receiver: Receiver) -> list[str]:
    """The ids of the memberships that a connection has roles by."""
    return [role.removeprefix("member:") for role in receiver.roles if role.startswith("member:")]


def holds_role(receiver: Receiver, roles: Sequence[str]) -> bool:
    """Whether a connection may receive events for ``roles``."""
    if receiver.roles == EVERYTHING:
        return True
    return bool(receiver.roles) and (ANYONE in roles or not set(roles).isdisjoint(receiver.roles))
