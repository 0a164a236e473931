"""Creation of users: with a password, with none, or imported with the hash of one.

Nobody has to choose a new password: an imported hash is verified as it is at the next sign-in, and then
replaced by one of argon2id.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from tidewire.core.checks.addresses import EmailAddress, PhoneNumber
from tidewire.core.checks.names import CustomId
from tidewire.core.checks.numbers import Int32
from tidewire.core.checks.texts import AnyCaseChoice, Password, Text
from tidewire.core.errors import TidewireError
from tidewire.core.ids import chosen_id
from tidewire.core.models import User
from tidewire.core.operations import named_parameters
from tidewire.core.time import now
from tidewire.services.account.events import USER_CREATED
from tidewire.services.context import Context
from tidewire.services.password_hashes import SHA_VERSIONS, InvalidHashError, check_hash
from tidewire.services.password_policy import PersonalData, password_columns, require_acceptable
from tidewire.services.publishing import publish
from tidewire.services.users import operations
from tidewire.services.users.records import find_shown_user
from tidewire.store.engine.database import Transaction
from tidewire.store.records.user_identities import require_no_identity
from tidewire.store.records.users import insert_user

Name = Annotated[str, Text(1, 128)]


@operations.declare("create", "POST", "/users", scopes=("users.write",), status=201, event=USER_CREATED)
async def create(
    context: Context,
    user_id: CustomId,
    email: EmailAddress | None = None,
    phone: PhoneNumber | None = None,
    password: Annotated[str, Password(8, 256)] = "",
    name: Name = "",
) -> User:
    """Create a user, who can be without address, number and password."""
    columns = None
    if password:
        settings = context.project.settings
        personal = PersonalData(user_id, name, (email or "").lower(), phone or "")
        await require_acceptable(settings, password, personal)
        columns = password_columns(settings, await context.passwords.hash(password), [])
    return await create_user(context, user_id, name=name, email=email, phone=phone, password=columns)


async def create_user(
    context: Context,
    user_id: str,
    *,
    name: str,
    email: str | None,
    phone: str | None = None,
    password: Mapping[str, Any] | None,
) -> User:
    """Add a user and tell of it; ``password`` holds the columns of a password.

    Raises ``user_already_exists`` or ``user_email_already_exists``.
    """
    new_id = chosen_id(user_id)
    address = email.lower() if email else None

    def unit(transaction: Transaction) -> User:
        connection = transaction.connection
        if address:
            require_no_identity(connection, address)
        account = insert_user(connection, new_id, name=name, email=address, phone=phone, password=password)
        publish(transaction, context, USER_CREATED, {"userId": new_id}, account)
        return find_shown_user(connection, context.caller, new_id)

    return await context.database.write(unit)


Hash = Annotated[str, Password(8, 256)]
"""A hash; the API treats it as it does passwords."""
Salt = Annotated[str, Text(1, 128)]
Cost = Annotated[int, Int32()]
ShaVersion = Annotated[str, AnyCaseChoice(tuple(SHA_VERSIONS))]


@dataclass(frozen=True)
class _Scheme:
    """A hash scheme, and the operation that imports users whose passwords are hashed by it."""

    name: str
    operation: str
    path: str
    summary: str
    options: Mapping[str, tuple[str, Any]] = field(default_factory=dict)
    """Parameters of the hash: argument to the name that it is kept by, and its annotation."""
    optional: bool = False
    """The parameters may be left out."""


_SCHEMES: Final = (
    _Scheme("argon2", "createArgon2User", "argon2", "hashed by argon2, in the PHC string format."),
    _Scheme("bcrypt", "createBcryptUser", "bcrypt", "hashed by bcrypt."),
    _Scheme("md5", "createMD5User", "md5", "hashed by MD5, in hexadecimal digits."),
    _Scheme("phpass", "createPHPassUser", "phpass", "hashed by phpass, as WordPress and phpBB have it."),
    _Scheme(
        "sha",
        "createSHAUser",
        "sha",
        "hashed by one of the SHA functions, in hexadecimal digits.",
        {"password_version": ("version", ShaVersion)},
        optional=True,
    ),
    _Scheme(
        "scrypt",
        "createScryptUser",
        "scrypt",
        "hashed by scrypt, in hexadecimal digits.",
        {
            "password_salt": ("salt", Salt),
            # N, r and p of RFC 7914, and the bytes of the hash.
            "password_cpu": ("costCpu", Cost),
            "password_memory": ("costMemory", Cost),
            "password_parallel": ("costParallel", Cost),
            "password_length": ("length", Cost),
        },
    ),
    _Scheme(
        "scryptMod",
        "createScryptModifiedUser",
        "scrypt-modified",
        "hashed by Firebase's variant of scrypt; everything is in base64.",
        {
            "password_salt": ("salt", Salt),
            "password_salt_separator": ("saltSeparator", Salt),
            "password_signer_key": ("signerKey", Salt),
        },
    ),
)


def _declare_import(scheme: _Scheme) -> None:
    async def create_hashed(
        context: Context, user_id: str, email: str, password: str, name: str = "", **given: Any
    ) -> User:
        options = {scheme.options[argument][0]: value for argument, value in given.items() if value != ""}
        return await _import(context, user_id, email, name, scheme.name, password, options)

    create_hashed.__doc__ = f"Create a user with a password {scheme.summary}"
    path = f"/users/{scheme.path}"
    own = {argument: annotation for argument, (_, annotation) in scheme.options.items()}
    annotations = {"user_id": CustomId, "email": EmailAddress, "password": Hash, **own, "name": Name}
    optional = dict.fromkeys([*(own if scheme.optional else ()), "name"], "")
    operations.declare(
        scheme.operation,
        "POST",
        path,
        scopes=("users.write",),
        status=201,
        event=USER_CREATED,
        parameters=named_parameters("POST", path, annotations, optional),
    )(create_hashed)


async def _import(
    context: Context,
    user_id: str,
    email: str,
    name: str,
    scheme: str,
    text: str,
    options: Mapping[str, Any],
) -> User:
    try:
        check_hash(scheme, text, options)
    except InvalidHashError as error:
        raise TidewireError(
            "general_argument_invalid", f"Invalid `password` param: The hash cannot be used: {error}"
        ) from None
    columns = {
        "password_hash": text,
        "hash": scheme,
        "hash_options": options,
        "password_updated_at": now(),
    }
    return await create_user(context, user_id, name=name, email=email, password=columns)


for _scheme in _SCHEMES:
    _declare_import(_scheme)
