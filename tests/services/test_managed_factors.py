"""Second factors of users, looked after by servers."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pyotp

from tests.services.people import messages, refused
from tests.services.world import GUEST, PASSWORD, World, payload
from tidewire.core.identities import Caller
from tidewire.core.project_settings import MfaFactors
from tidewire.services.account import mfa as own
from tidewire.services.account import mfa_challenges
from tidewire.services.account import sessions as own_sessions
from tidewire.services.users import mfa, updates


async def signed_in(world: World) -> Caller:
    """Ada, with a session."""
    await world.user("ada")
    context = world.context(GUEST)
    await own_sessions.create_email_password_session(context, "ada@example.com", PASSWORD)
    assert context.session_started is not None
    caller = await world.caller_of(context.session_started.value)
    assert caller is not None
    return caller


async def test_switching_second_factors_on(world: World) -> None:
    await world.user("ada")
    assert (await mfa.update_mfa(world.context(), "ada", True)).mfa
    event = await world.last_event()
    assert "users.ada.update.mfa" in event.names
    assert payload(event)["mfa"] is True
    with refused("user_not_found"):
        await mfa.update_mfa(world.context(), "nobody", True)


async def test_which_factors_a_user_has(world: World) -> None:
    ada = await signed_in(world)
    found = await mfa.list_mfa_factors(world.context(), "ada")
    assert (found.totp, found.email, found.phone, found.recovery_code) == (False, False, False, False)
    await updates.update_email_verification(world.context(), "ada", True)
    made = await own.create_mfa_authenticator(world.context(ada), "totp")
    assert not (await mfa.list_mfa_factors(world.context(), "ada")).totp
    await own.update_mfa_authenticator(world.context(ada), "totp", pyotp.TOTP(made.secret).now())
    await mfa.create_mfa_recovery_codes(world.context(), "ada")
    found = await mfa.list_mfa_factors(world.context(), "ada")
    assert (found.totp, found.email, found.phone, found.recovery_code) == (True, True, False, True)


async def test_removing_an_authenticator(world: World) -> None:
    ada = await signed_in(world)
    with refused("user_authenticator_not_found"):
        await mfa.delete_mfa_authenticator(world.context(), "ada", "totp")
    await own.create_mfa_authenticator(world.context(ada), "totp")
    await mfa.delete_mfa_authenticator(world.context(), "ada", "totp")
    event = await world.last_event()
    assert event.names[0] == "users.ada.delete"
    assert "users.ada.delete.mfa" in event.names
    assert payload(event) == {}


async def test_recovery_codes(world: World) -> None:
    ada = await signed_in(world)
    for attempt in (mfa.get_mfa_recovery_codes, mfa.update_mfa_recovery_codes):
        with refused("user_recovery_codes_not_found"):
            await attempt(world.context(), "ada")
    codes = await mfa.create_mfa_recovery_codes(world.context(), "ada")
    event = await world.last_event()
    assert event.names == ["users.ada.create", "users.*.create", "users.ada", "users.*"]
    assert payload(event) == {"recoveryCodes": []}
    assert len(set(codes.recovery_codes)) == 6
    assert await mfa.get_mfa_recovery_codes(world.context(), "ada") == codes
    with refused("user_recovery_codes_already_exists"):
        await mfa.create_mfa_recovery_codes(world.context(), "ada")
    renewed = await mfa.update_mfa_recovery_codes(world.context(), "ada")
    assert not set(renewed.recovery_codes) & set(codes.recovery_codes)
    assert (await world.last_event()).names[0] == "users.ada.update"
    with refused("general_unauthorized_scope"):
        await mfa.get_mfa_recovery_codes(world.context(ada), "ada")


async def test_the_code_of_a_challenge(world: World) -> None:
    ada = await signed_in(world)
    await updates.update_email_verification(world.context(), "ada", True)
    settings = msgspec.structs.replace(world.project.settings, mfa_factors=MfaFactors(custom=True))
    world.project = replace(world.project, settings=settings)
    mailed = await mfa_challenges.create_mfa_challenge(world.context(ada), "email")
    sent = len(await messages(world))
    made = await mfa_challenges.create_mfa_challenge(world.context(ada), "custom")
    assert len(await messages(world)) == sent
    found = await mfa.get_mfa_challenge(world.context(), "ada", made.id)
    assert (found.user_id, found.expire) == ("ada", made.expire)
    assert len(found.code) == 6
    assert not any(found.code.encode() in event.payload for event in await world.events())
    for challenge in ("nothing", mailed.id):
        with refused("user_invalid_token"):
            await mfa.get_mfa_challenge(world.context(), "ada", challenge)
    with refused("general_unauthorized_scope"):
        await mfa.get_mfa_challenge(world.context(ada), "ada", made.id)
