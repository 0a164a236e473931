"""Tokens signed by keys of projects: right ones, broken ones, and everybody else meanwhile."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tidewire.outbound.signing import Signer, SigningError

CLAIMS = {"iss": "somebody", "iat": 1_700_000_000}


def _texts(key: Any) -> tuple[str, bytes]:
    """A key and its public half, as PEM."""
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public: bytes = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public


CURVE = _texts(ec.generate_private_key(ec.SECP256R1()))


@pytest.fixture(scope="module")
def modulus() -> tuple[str, bytes]:
    """A large key, whose soundness takes long to see."""
    return _texts(rsa.generate_private_key(65537, 3072))


async def test_what_is_signed_can_be_verified(modulus: tuple[str, bytes]) -> None:
    signer = Signer()
    keys = (("RS256", modulus), ("ES256", CURVE))
    tokens = await asyncio.gather(*(signer.sign(CLAIMS, key[0], name, {"kid": "k"}) for name, key in keys))
    for token, (name, key) in zip(tokens, keys, strict=True):
        assert jwt.decode(token, key[1], algorithms=[name]) == CLAIMS
        assert jwt.get_unverified_header(token)["kid"] == "k"


async def test_others_go_on_meanwhile(modulus: tuple[str, bytes]) -> None:
    signing = asyncio.create_task(Signer().sign(CLAIMS, modulus[0], "RS256", {}))
    turns = 0
    while not signing.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert signing.result()
    assert turns > 10, "the event loop stood still while the key was loaded"


@pytest.mark.parametrize("key", ["", "no key", CURVE[0].replace("M", "N"), CURVE[0], "x" * 20_000])
async def test_a_key_that_is_none_says_so(key: str) -> None:
    with pytest.raises(SigningError, match=r"\w") as refused:
        await Signer().sign(CLAIMS, key, "RS256", {})
    assert CURVE[0][40:80] not in str(refused.value)


async def test_who_gives_up_leaves_no_process() -> None:
    signing = asyncio.create_task(Signer().sign(CLAIMS, CURVE[0], "ES256", {}))
    while not _children():  # noqa: ASYNC110 - there is no event for the start of a process
        await asyncio.sleep(0.001)
    signing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await signing
    assert not _children()


def _children() -> list[str]:
    tasks = Path(f"/proc/{os.getpid()}/task").iterdir()
    found = [each for task in tasks for each in (task / "children").read_text().split()]
    return [each for each in found if b"outbound.signer" in Path(f"/proc/{each}/cmdline").read_bytes()]
