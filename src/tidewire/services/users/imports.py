"""Bringing users from elsewhere, with the hashes of their passwords.

Nobody has to choose a new password: the hash is verified as it is at the next sign-in, and replaced by one of
argon2id then.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from tidewire.core.checks.addresses import EmailAddress
from tidewire.core.checks.names import CustomId
from tidewire.core.checks.numbers import Int32
from tidewire.core.checks.texts import AnyCaseChoice, Password, Text
from tidewire.core.errors import TidewireError
from tidewire.core.models import User
from tidewire.core.time import now
from tidewire.services.context import Context
from tidewire.services.password_hashes import SHA_VERSIONS, InvalidHashError, check_hash
from tidewire.services.users import operations
from tidewire.services.users.creation import Name, create_user
from tidewire.services.users.events import USER_CREATED

Hash = Annotated[str, Password(8, 256)]
"""A hash; the API treats it as it does passwords."""
Salt = Annotated[str, Text(1, 128)]
Cost = Annotated[int, Int32()]
ShaVersion = Annotated[str, AnyCaseChoice(tuple(SHA_VERSIONS))]
Scheme = Literal["argon2", "bcrypt", "md5", "phpass", "scrypt", "scryptMod", "sha"]


@operations.declare(
    "createArgon2User",
    "POST",
    "/users/argon2",
    scopes=("users.write",),
    status=201,
    event=USER_CREATED,
)
async def create_argon2_user(
    context: Context, user_id: CustomId, email: EmailAddress, password: Hash, name: Name = ""
) -> User:
    """Create a user with a password hashed by argon2, in the PHC string format."""
    return await _import(context, user_id, email, name, "argon2", password)


@operations.declare(
    "createBcryptUser",
    "POST",
    "/users/bcrypt",
    scopes=("users.write",),
    status=201,
    event=USER_CREATED,
)
async def create_bcrypt_user(
    context: Context, user_id: CustomId, email: EmailAddress, password: Hash, name: Name = ""
) -> User:
    """Create a user with a password hashed by bcrypt."""
    return await _import(context, user_id, email, name, "bcrypt", password)


@operations.declare(
    "createMD5User",
    "POST",
    "/users/md5",
    scopes=("users.write",),
    status=201,
    event=USER_CREATED,
)
async def create_md5_user(
    context: Context, user_id: CustomId, email: EmailAddress, password: Hash, name: Name = ""
) -> User:
    """Create a user with a password hashed by MD5, in hexadecimal digits."""
    return await _import(context, user_id, email, name, "md5", password)


@operations.declare(
    "createPHPassUser",
    "POST",
    "/users/phpass",
    scopes=("users.write",),
    status=201,
    event=USER_CREATED,
)
async def create_phpass_user(
    context: Context, user_id: CustomId, email: EmailAddress, password: Hash, name: Name = ""
) -> User:
    """Create a user with a password hashed by phpass, as WordPress and phpBB have it."""
    return await _import(context, user_id, email, name, "phpass", password)


@operations.declare(
    "createSHAUser",
    "POST",
    "/users/sha",
    scopes=("users.write",),
    status=201,
    event=USER_CREATED,
)
async def create_sha_user(
    context: Context,
    user_id: CustomId,
    email: EmailAddress,
    password: Hash,
    password_version: ShaVersion = "",
    name: Name = "",
) -> User:
    """Create a user with a password hashed by one of the SHA functions, in hexadecimal digits."""
    options = {"version": password_version} if password_version else {}
    return await _import(context, user_id, email, name, "sha", password, options)


@operations.declare(
    "createScryptUser",
    "POST",
    "/users/scrypt",
    scopes=("users.write",),
    status=201,
    event=USER_CREATED,
)
async def create_scrypt_user(
    context: Context,
    user_id: CustomId,
    email: EmailAddress,
    password: Hash,
    password_salt: Salt,
    password_cpu: Cost,
    password_memory: Cost,
    password_parallel: Cost,
    password_length: Cost,
    name: Name = "",
) -> User:
    """Create a user with a password hashed by scrypt, in hexadecimal digits.

    ``password_cpu`` is N, ``password_memory`` r, ``password_parallel`` p of RFC 7914; ``password_length``
    is in bytes.
    """
    options = {
        "salt": password_salt,
        "costCpu": password_cpu,
        "costMemory": password_memory,
        "costParallel": password_parallel,
        "length": password_length,
    }
    return await _import(context, user_id, email, name, "scrypt", password, options)


@operations.declare(
    "createScryptModifiedUser",
    "POST",
    "/users/scrypt-modified",
    scopes=("users.write",),
    status=201,
    event=USER_CREATED,
)
async def create_scrypt_modified_user(
    context: Context,
    user_id: CustomId,
    email: EmailAddress,
    password: Hash,
    password_salt: Salt,
    password_salt_separator: Salt,
    password_signer_key: Salt,
    name: Name = "",
) -> User:
    """Create a user with a password hashed by Firebase's variant of scrypt; everything is in base64."""
    options = {
        "salt": password_salt,
        "saltSeparator": password_salt_separator,
        "signerKey": password_signer_key,
    }
    return await _import(context, user_id, email, name, "scryptMod", password, options)


async def _import(
    context: Context,
    user_id: str,
    email: str,
    name: str,
    scheme: Scheme,
    text: str,
    options: dict[str, Any] | None = None,
) -> User:
    try:
        check_hash(scheme, text, options or {})
    except InvalidHashError as error:
        raise TidewireError(
            "general_argument_invalid", f"Invalid `password` param: The hash cannot be used: {error}"
        ) from None
    columns = {
        "password_hash": text,
        "hash": scheme,
        "hash_options": options or {},
        "password_updated_at": now(),
    }
    return await create_user(context, user_id, name=name, email=email, password=columns)
