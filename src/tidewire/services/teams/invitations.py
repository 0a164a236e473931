"""Invitations: users invite others into a team by mail or text message, servers add them at once."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from tidewire.core.checks.addresses import EmailAddress, PhoneNumber, RedirectUrl
from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.texts import Text
from tidewire.core.errors import TidewireError
from tidewire.core.ids import unique_id
from tidewire.core.models import Membership
from tidewire.core.rate_limits import RateLimit
from tidewire.core.redirects import with_query
from tidewire.core.time import now
from tidewire.services.account.redirects import require_redirect
from tidewire.services.account.sign_up import require_method, require_room
from tidewire.services.context import Context
from tidewire.services.messages.mails import invitation
from tidewire.services.messages.text_messages import invitation_text
from tidewire.services.one_time import new_link_secret
from tidewire.services.outgoing import enqueue_text_message, mail_user
from tidewire.services.phones import is_mock_number
from tidewire.services.teams import operations
from tidewire.services.teams.events import MEMBERSHIP_CREATED, publish_membership
from tidewire.services.teams.memberships import Roles, require_known_roles
from tidewire.services.teams.records import find_owned_team
from tidewire.services.teams.views import MEMBERS, SERVER, Viewer, membership_of
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.engine.database import Transaction
from tidewire.store.instance.instance import CONSOLE_PROJECT_ID
from tidewire.store.records.teams import add_to_total, change_membership, insert_membership, membership_by
from tidewire.store.records.users import find_user, insert_user, user_by
from tidewire.store.secrets.credentials import hash_secret


@dataclass(frozen=True)
class _Invitation:
    """An invitation: who is asked into a team, and with which roles."""

    user_id: str
    email: str
    """The e-mail address in lower case."""
    phone: str
    name: str
    roles: tuple[str, ...]
    url: str
    """The address to which the link in the message leads."""


@operations.write(
    "createMembership",
    "POST",
    "/teams/{teamId}/memberships",
    scopes=("teams.write",),
    status=201,
    event=MEMBERSHIP_CREATED,
    limit=RateLimit(10, 3600, ("url:{url},ip:{ip}",)),
)
def create_membership(
    transaction: Transaction,
    context: Context,
    team_id: ResourceId,
    roles: Roles,
    email: EmailAddress = "",
    user_id: ResourceId = "",
    phone: PhoneNumber = "",
    url: Annotated[str, RedirectUrl()] = "",
    name: Annotated[str, Text(1, 128)] = "",
) -> Membership:
    """Invite somebody into a team that one owns; whom a server names is a member at once.

    People without an account get one, which they can use as soon as they follow the link.
    """
    if not (user_id or email or phone):
        raise TidewireError(
            "general_argument_invalid", "Say who is invited: `userId`, `email` or `phone` is needed."
        )
    if not url and not context.caller.bypasses_permissions:
        raise TidewireError("general_argument_invalid", 'Param "url" is not optional.')
    if url:
        require_redirect(context, url)
    require_method(context, "invites")
    require_known_roles(context, roles)
    invitation = _Invitation(user_id, email.lower(), phone, name, tuple(dict.fromkeys(roles)), url)
    return _invite(transaction, context, team_id, invitation)


def invitation_hash(secret: str, address: str | None) -> str:
    """What is stored of an invitation: it proves that the address it was sent to belongs to the user.

    A user whose address changed since then must not have the new one confirmed by it.
    """
    return hash_secret(f"{secret} {address or ''}")


def is_invitation(stored: str, secret: str, address: str | None) -> bool:
    """Whether this secret was sent to this address."""
    return bool(address) and hmac.compare_digest(stored, invitation_hash(secret, address))


def _invite(transaction: Transaction, context: Context, team_id: str, invitation: _Invitation) -> Membership:
    connection, settings = transaction.connection, context.project.settings
    team = find_owned_team(connection, context.caller, team_id, "invite others")
    invitee = _find_invitee(connection, invitation) or _create_invitee(connection, context, invitation)
    row = _put_in_team(transaction, context, team, invitee, invitation)
    seen = membership_of(connection, settings, row, MEMBERS)
    publish_membership(transaction, context, MEMBERSHIP_CREATED, row, seen)
    # Those who invite know the address that they gave.
    viewer = SERVER if context.caller.bypasses_permissions else Viewer(gave=row.invited_address)
    shown = membership_of(connection, settings, row, viewer)
    # Whether there was an account with another name is not told.
    return msgspec.structs.replace(shown, user_name=shown.user_name or invitation.name)


def _find_invitee(connection: Connection, invitation: _Invitation) -> Row[Any] | None:
    if invitation.user_id:
        found = user_by(connection, id=invitation.user_id)
        if found is None:
            raise TidewireError("user_not_found", "There is no user with this id.")
    elif invitation.email:
        found = user_by(connection, email=invitation.email)
    else:
        found = user_by(connection, phone=invitation.phone)
    if found is None:
        return None
    given = ((invitation.email, found.email), (invitation.phone, found.phone))
    if any(wanted and wanted != stored for wanted, stored in given):
        raise TidewireError(
            "user_already_exists", "The given `userId`, `email` and `phone` do not belong to one user."
        )
    return found


def _create_invitee(connection: Connection, context: Context, invitation: _Invitation) -> Row[Any]:
    # Whoever is in the console may bring others; only signing up by oneself is restricted there.
    if not context.caller.bypasses_permissions and context.project.id != CONSOLE_PROJECT_ID:
        require_room(connection, context)
    user_id = unique_id()
    insert_user(
        connection,
        user_id,
        name=invitation.name or invitation.email,
        email=invitation.email or None,
        phone=invitation.phone or None,
    )
    return find_user(connection, user_id)


def _put_in_team(
    transaction: Transaction, context: Context, team: Row[Any], invitee: Row[Any], invitation: _Invitation
) -> Row[Any]:
    """Make or renew the membership, and send the invitation unless it is confirmed at once."""
    connection = transaction.connection
    existing = membership_by(connection, team_id=team.id, user_id=invitee.id)
    if existing is not None and existing.confirmed:
        raise TidewireError("membership_already_confirmed", "The user is a member of this team already.")
    values: dict[str, Any] = {"roles": list(invitation.roles), "invited_at": now()}
    if context.caller.bypasses_permissions:
        values |= {"confirmed": True, "joined_at": now()}
        add_to_total(connection, team.id, 1)
    else:
        secret = new_link_secret()
        address = invitee.email or invitee.phone
        values |= {
            "secret_hash": invitation_hash(secret, address),
            "invited_address": invitation.email or invitation.phone,
        }
    if existing is None:
        row = insert_membership(connection, team.id, invitee.id, readers=("any",), **values)
    else:
        row = change_membership(connection, existing.sequence, **values)
    if not context.caller.bypasses_permissions:
        _send(transaction, context, team, invitee, row.id, secret, invitation.url)
    return row


def _send(
    transaction: Transaction,
    context: Context,
    team: Row[Any],
    invitee: Row[Any],
    membership_id: str,
    secret: str,
    url: str,
) -> None:
    values = {
        "membershipId": membership_id,
        "userId": invitee.id,
        "secret": secret,
        "teamId": team.id,
        "teamName": team.name,
    }
    link = with_query(url, values)
    inviter = context.caller.identity.account.name if context.caller.identity else ""
    if invitee.email:
        mail_user(transaction, context, invitee.email, invitee.name, invitation(inviter, team.name, link))
    elif invitee.phone and not is_mock_number(context, invitee.phone):
        text = invitation_text(context.locale, context.project_name, inviter, team.name, link)
        enqueue_text_message(transaction, invitee.phone, text)
