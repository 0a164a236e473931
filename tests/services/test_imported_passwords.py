"""Users brought from elsewhere sign in with the passwords that they had, whose hashes become argon2id."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import bcrypt
import pytest

from tests.services.people import refused
from tests.services.test_password_hashes import FIREBASE, FIREBASE_HASH, RFC_7914
from tests.services.world import GUEST, World
from tidewire.core.errors import TidewireError
from tidewire.core.models import User
from tidewire.services.account import sessions
from tidewire.services.password_hashes import verify_hash
from tidewire.services.users import operations, users

EMAIL = "ada@example.com"
BCRYPT_HASH = bcrypt.hashpw(b"correct horse", bcrypt.gensalt(5)).decode().replace("$2b$", "$2y$")
Import = Callable[..., Awaitable[User]]


def importing(name: str) -> Import:
    """What does the operation of this name."""
    return next(each.handler for each in operations.declared if each.name == f"users.{name}")


IMPORTS: list[tuple[str, Import, dict[str, Any], str, str]] = [
    (
        "argon2",
        importing("createArgon2User"),
        {"password": "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8"},
        "password",
        "argon2",
    ),
    (
        "bcrypt",
        importing("createBcryptUser"),
        {"password": BCRYPT_HASH},
        "correct horse",
        "bcrypt",
    ),
    ("md5", importing("createMD5User"), {"password": "5f4dcc3b5aa765d61d8327deb882cf99"}, "password", "md5"),
    (
        "sha",
        importing("createSHAUser"),
        {
            "password": "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8",
            "password_version": "sha256",
        },
        "password",
        "sha",
    ),
    (
        "phpass",
        importing("createPHPassUser"),
        {"password": "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0"},
        "test12345",
        "phpass",
    ),
    (
        "scrypt",
        importing("createScryptUser"),
        {
            "password": RFC_7914,
            "password_salt": "NaCl",
            "password_cpu": 1024,
            "password_memory": 8,
            "password_parallel": 16,
            "password_length": 64,
        },
        "password",
        "scrypt",
    ),
    (
        "scrypt-modified",
        importing("createScryptModifiedUser"),
        {
            "password": FIREBASE_HASH,
            "password_salt": FIREBASE["salt"],
            "password_salt_separator": FIREBASE["saltSeparator"],
            "password_signer_key": FIREBASE["signerKey"],
        },
        "user1password",
        "scryptMod",
    ),
]


async def sign_in(world: World, password: str) -> None:
    await sessions.create_email_password_session(world.context(GUEST), EMAIL, password)


@pytest.mark.parametrize(
    ("create", "arguments", "password", "scheme"),
    [each[1:] for each in IMPORTS],
    ids=[each[0] for each in IMPORTS],
)
async def test_the_password_stays_and_its_hash_is_renewed(
    world: World, create: Import, arguments: dict[str, Any], password: str, scheme: str
) -> None:
    imported = await create(world.context(), "ada", EMAIL, name="Ada", **arguments)
    assert (imported.password, imported.hash) == (arguments["password"], scheme)
    assert imported.hash_options is not None
    assert imported.hash_options["type"] == scheme
    # What is shown is all that another system needs to verify the password.
    assert imported.password is not None
    assert verify_hash(scheme, imported.password, imported.hash_options, password)
    assert not verify_hash(scheme, imported.password, imported.hash_options, "wrong " + password)
    assert imported.password_update
    assert not any(arguments["password"].encode() in event.payload for event in await world.events())
    with refused("user_invalid_credentials"):
        await sign_in(world, "wrong " + password)
    with refused("user_invalid_credentials"):
        await sign_in(world, arguments["password"])
    assert (await users.get(world.context(), "ada")).hash == scheme
    await sign_in(world, password)
    renewed = await users.get(world.context(), "ada")
    assert renewed.password is not None
    assert renewed.password.startswith("$argon2id$")
    assert renewed.hash == "argon2"
    assert renewed.hash_options is not None
    assert renewed.hash_options["memoryCost"] == 8
    await sign_in(world, password)
    with refused("user_invalid_credentials"):
        await sign_in(world, "wrong " + password)


async def test_hashes_that_would_starve_the_server_are_refused(world: World) -> None:
    with pytest.raises(TidewireError, match="Invalid `password` param"):
        await importing("createBcryptUser")(
            world.context(), "ada", EMAIL, "$2a$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
        )
    costs = {"password_cpu": 2**30, "password_memory": 8, "password_parallel": 1, "password_length": 64}
    expensive: dict[str, Any] = {"password_salt": "NaCl", **costs}
    with refused("general_argument_invalid"):
        await importing("createScryptUser")(world.context(), "ada", EMAIL, RFC_7914, **expensive)
    assert await world.events() == []


async def test_imported_users_are_distinct(world: World) -> None:
    await importing("createMD5User")(world.context(), "ada", EMAIL, "5f4dcc3b5aa765d61d8327deb882cf99")
    with refused("user_already_exists"):
        await importing("createMD5User")(world.context(), "bob", EMAIL, "5f4dcc3b5aa765d61d8327deb882cf99")
