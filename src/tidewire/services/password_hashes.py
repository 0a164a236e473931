"""Password hashes that other systems made: checked when imported, verified at login, described to servers.

Each scheme has the name that the API gives it in ``hash``; what a hash does not carry in its text stands in
its options. All functions that compute block for up to seconds: call them in a thread.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import argon2
import bcrypt
from argon2.exceptions import InvalidHashError as Argon2FormatError
from argon2.exceptions import VerificationError
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

Options = Mapping[str, Any]

SHA_VERSIONS: Final = {
    "sha1": "sha1",
    "sha224": "sha224",
    "sha256": "sha256",
    "sha384": "sha384",
    "sha512/224": "sha512_224",
    "sha512/256": "sha512_256",
    "sha512": "sha512",
    "sha3-224": "sha3_224",
    "sha3-256": "sha3_256",
    "sha3-384": "sha3_384",
    "sha3-512": "sha3_512",
}
"""Name on the wire to the one that hashlib has."""
DEFAULT_SHA_VERSION: Final = "sha3-512"

MAX_MEMORY: Final = 256 * 1024 * 1024
"""Bytes that verifying one hash may take."""
MAX_BCRYPT_COST: Final = 16
MAX_ARGON2_PASSES: Final = 64
MAX_SCRYPT_WORK: Final = 2**22
"""Product of the three cost parameters of scrypt."""
MAX_PHPASS_COST: Final = 18

_BCRYPT: Final = re.compile(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}")
_HEX: Final = re.compile(r"([0-9A-Fa-f]{2})+")
_BCRYPT_BYTES: Final = 72
"""Bytes of a password that bcrypt looks at."""


class InvalidHashError(ValueError):
    """A hash that cannot be imported; the text says why."""


@dataclass(frozen=True)
class _Scheme:
    check: Callable[[str, Options], None]
    verify: Callable[[str, Options, str], bool]
    describe: Callable[[str, Options], dict[str, Any]]


def check_hash(scheme: str, text: str, options: Options) -> None:
    """Refuse hashes that are malformed or so expensive that logins would starve the server.

    Raises :class:`InvalidHashError`.
    """
    _SCHEMES[scheme].check(text, options)


def verify_hash(scheme: str, text: str, options: Options, password: str) -> bool:
    """Tell whether ``password`` has this hash, which has passed :func:`check_hash`."""
    known = _SCHEMES.get(scheme)
    return known is not None and known.verify(text, options, password)


def describe_hash(scheme: str, text: str, options: Options) -> dict[str, Any]:
    """The options of a hash as the API shows them; empty without a password."""
    known = _SCHEMES.get(scheme)
    return {"type": scheme, **known.describe(text, options)} if known and text else {}


def _check_argon2(text: str, options: Options) -> None:  # noqa: ARG001
    try:
        parameters = argon2.extract_parameters(text)
    except Argon2FormatError:
        raise InvalidHashError("it is not an argon2 hash in the PHC string format.") from None
    if parameters.memory_cost * 1024 > MAX_MEMORY or parameters.time_cost > MAX_ARGON2_PASSES:
        raise InvalidHashError(
            f"argon2 may take {MAX_MEMORY // 2**20} MiB and {MAX_ARGON2_PASSES} passes at most."
        )


def _verify_argon2(text: str, options: Options, password: str) -> bool:  # noqa: ARG001
    try:
        return argon2.PasswordHasher().verify(text, password)
    except (VerificationError, Argon2FormatError):
        return False


def _describe_argon2(text: str, options: Options) -> dict[str, Any]:  # noqa: ARG001
    parameters = argon2.extract_parameters(text)
    return {
        "memoryCost": parameters.memory_cost,
        "timeCost": parameters.time_cost,
        "threads": parameters.parallelism,
    }


def _check_bcrypt(text: str, options: Options) -> None:  # noqa: ARG001
    match = _BCRYPT.fullmatch(text)
    if match is None:
        raise InvalidHashError("it is not a bcrypt hash such as $2y$10$ and 53 more characters.")
    if not 4 <= int(match[1]) <= MAX_BCRYPT_COST:
        raise InvalidHashError(f"the cost of bcrypt must be 4 to {MAX_BCRYPT_COST}.")


def _verify_bcrypt(text: str, options: Options, password: str) -> bool:  # noqa: ARG001
    try:
        return bcrypt.checkpw(password.encode()[:_BCRYPT_BYTES], text.encode())
    except ValueError:
        return False


def _check_hex(text: str, options: Options) -> None:  # noqa: ARG001
    if not _HEX.fullmatch(text):
        raise InvalidHashError("it must be written in hexadecimal digits.")


def _check_md5(text: str, options: Options) -> None:
    _check_hex(text, options)
    if len(text) != 32:
        raise InvalidHashError("an MD5 hash has 32 hexadecimal digits.")


def _verify_md5(text: str, options: Options, password: str) -> bool:  # noqa: ARG001
    return _same(hashlib.md5(password.encode(), usedforsecurity=False).hexdigest(), text.lower())


def _verify_sha(text: str, options: Options, password: str) -> bool:
    name = SHA_VERSIONS[options.get("version") or DEFAULT_SHA_VERSION]
    return _same(hashlib.new(name, password.encode()).hexdigest(), text.lower())


def _check_phpass(text: str, options: Options) -> None:
    if text.startswith("$2"):
        _check_bcrypt(text, options)
        return
    cost = phpass_cost(text)
    if cost is None:
        raise InvalidHashError("it is not a phpass hash such as $P$ and 31 more characters.")
    if cost > MAX_PHPASS_COST:
        raise InvalidHashError(f"the cost of phpass must be {MAX_PHPASS_COST} at most.")


def _verify_phpass(text: str, options: Options, password: str) -> bool:
    # phpass itself takes bcrypt where the system has it.
    return _verify_bcrypt(text, options, password) if text.startswith("$2") else verify_phpass(text, password)


def _check_scrypt(text: str, options: Options) -> None:
    _check_hex(text, options)
    cpu, memory, parallel, length = _scrypt_costs(options)
    if cpu < 2 or cpu & (cpu - 1):
        raise InvalidHashError("the CPU cost of scrypt must be a power of 2.")
    if memory < 1 or parallel < 1 or not 1 <= length <= 128:
        raise InvalidHashError("the costs of scrypt must be positive, its length 1 to 128 bytes.")
    if 128 * memory * (cpu + parallel) > MAX_MEMORY or cpu * memory * parallel > MAX_SCRYPT_WORK:
        raise InvalidHashError(f"scrypt may take {MAX_MEMORY // 2**20} MiB and costs in proportion.")


def _verify_scrypt(text: str, options: Options, password: str) -> bool:
    cpu, memory, parallel, length = _scrypt_costs(options)
    derived = _scrypt(password, str(options["salt"]).encode(), cpu, memory, parallel, length)
    return _same(derived.hex(), text.lower())


def _check_scrypt_modified(text: str, options: Options) -> None:
    for what, value in {"the hash": text, **{name: options[name] for name in _SCRYPT_MODIFIED}}.items():
        try:
            _from_base64(value)
        except binascii.Error:
            raise InvalidHashError(f"{what} must be written in base64.") from None


def _verify_scrypt_modified(text: str, options: Options, password: str) -> bool:
    """Firebase's scrypt: what is stored is the project's signer key, encrypted with the derived key."""
    salt, separator, signer_key = (_from_base64(options[name]) for name in _SCRYPT_MODIFIED)
    key = _scrypt(password, salt + separator, 2**14, 8, 1, 64)[:32]
    encryptor = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()
    return hmac.compare_digest(encryptor.update(signer_key) + encryptor.finalize(), _from_base64(text))


_SCRYPT_MODIFIED: Final = ("salt", "saltSeparator", "signerKey")


def _scrypt_costs(options: Options) -> tuple[int, int, int, int]:
    """CPU cost, memory cost, parallelism, length in bytes."""
    return options["costCpu"], options["costMemory"], options["costParallel"], options["length"]


def _scrypt(password: str, salt: bytes, cpu: int, memory: int, parallel: int, length: int) -> bytes:
    return hashlib.scrypt(
        password.encode(), salt=salt, n=cpu, r=memory, p=parallel, dklen=length, maxmem=MAX_MEMORY + 2**20
    )


def _from_base64(text: str) -> bytes:
    """Raises binascii.Error."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError as error:
        raise binascii.Error(str(error)) from error


def _same(computed: str, stored: str) -> bool:
    return hmac.compare_digest(computed.encode(), stored.encode())


def _stored(text: str, options: Options) -> dict[str, Any]:  # noqa: ARG001
    """All that is needed to verify the hash elsewhere."""
    return dict(options)


def _describe_sha(text: str, options: Options) -> dict[str, Any]:  # noqa: ARG001
    return {"version": options.get("version") or DEFAULT_SHA_VERSION}


def _nothing(text: str, options: Options) -> dict[str, Any]:  # noqa: ARG001
    return {}


_SCHEMES: Final[Mapping[str, _Scheme]] = {
    "argon2": _Scheme(_check_argon2, _verify_argon2, _describe_argon2),
    "bcrypt": _Scheme(_check_bcrypt, _verify_bcrypt, _nothing),
    "md5": _Scheme(_check_md5, _verify_md5, _nothing),
    "sha": _Scheme(_check_hex, _verify_sha, _describe_sha),
    "phpass": _Scheme(_check_phpass, _verify_phpass, _nothing),
    "scrypt": _Scheme(_check_scrypt, _verify_scrypt, _stored),
    "scryptMod": _Scheme(_check_scrypt_modified, _verify_scrypt_modified, _stored),
}


_ALPHABET: Final = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_FORM: Final = re.compile(r"\$[PH]\$(?P<cost>[./0-9A-Za-z])(?P<salt>.{8})(?P<result>[./0-9A-Za-z]{22})")


def phpass_cost(text: str) -> int | None:
    """Binary logarithm of the number of rounds; None if the text is no such hash."""
    match = _FORM.fullmatch(text)
    cost = _ALPHABET.index(match["cost"]) if match else 0
    return cost if 7 <= cost <= 30 else None


def verify_phpass(text: str, password: str) -> bool:
    """Tell whether ``password`` has this hash. Takes as long as the hash's cost says."""
    match, cost = _FORM.fullmatch(text), phpass_cost(text)
    if match is None or cost is None:
        return False
    secret = password.encode()
    digest = _md5(match["salt"].encode() + secret)
    for _ in range(1 << cost):
        digest = _md5(digest + secret)
    return hmac.compare_digest(_encode(digest).encode(), match["result"].encode())


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def _encode(data: bytes) -> str:
    """Six bits a character, the lowest first; each three bytes are taken as one little-endian number."""
    characters = []
    for start in range(0, len(data), 3):
        group = data[start : start + 3]
        number = int.from_bytes(group, "little")
        characters += [_ALPHABET[number >> shift & 63] for shift in range(0, 8 * len(group), 6)]
    return "".join(characters)
