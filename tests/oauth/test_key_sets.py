"""Keys that providers and projects show: what only costs time is not loaded."""

from __future__ import annotations

import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import RSAAlgorithm

from tidewire.oauth.contract import ProviderFailedError
from tidewire.oauth.id_tokens import apple_secret, claims_of

KEY = rsa.generate_private_key(65537, 2048)
PRIVATE: dict[str, Any] = {**json.loads(RSAAlgorithm.to_jwk(KEY)), "kid": "k", "use": "sig"}
"""As a JSON Web Key with its private members, which no provider should show."""


def signed(**more: Any) -> str:
    moment = int(time.time())
    claims = {"iss": "issuer", "sub": "s", "aud": "app", "exp": moment + 60, "iat": moment, "nonce": "n"}
    return jwt.encode(claims | more, KEY, algorithm="RS256", headers={"kid": "k"})


def read(token: str, *keys: Any) -> dict[str, Any]:
    return claims_of(
        token, {"keys": list(keys)}, issuer="issuer", client_id="app", nonce="n", max_age=None, moment=0
    )


def test_private_keys_are_read_as_public_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[dict[str, Any]] = []

    class KeySet(jwt.PyJWKSet):
        def __init__(self, keys: list[dict[str, Any]]) -> None:
            shown.extend(keys)
            super().__init__(keys)

    monkeypatch.setattr(jwt, "PyJWKSet", KeySet)
    assert read(signed(), PRIVATE)["sub"] == "s"
    assert [set(each) for each in shown] == [{"kty", "kid", "use", "n", "e"}]


def test_keys_that_are_too_long_fit_nothing() -> None:
    with pytest.raises(ProviderFailedError):
        read(signed(), PRIVATE | {"n": "A" * 3000})
    with pytest.raises(ProviderFailedError):
        read(signed(), "no key", None, [], {})


@pytest.mark.parametrize("kind", ["oct", "", None, 7, ["RSA"], {"a": 1}])
def test_keys_without_a_public_half_stand_beside_others(kind: Any) -> None:
    other = {"kty": kind, "kid": "s", "k": "AAAA", "alg": "HS256"}
    assert read(signed(), other, PRIVATE)["sub"] == "s"
    with pytest.raises(ProviderFailedError):
        read(signed(), other)


def test_the_key_of_an_app_of_apple_is_one_of_p256() -> None:
    def pem(key: Any) -> str:
        kind, how = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return str(key.private_bytes(serialization.Encoding.PEM, kind, how).decode())

    assert apple_secret("app", "team", "key", pem(ec.generate_private_key(ec.SECP256R1())), 1)
    for other in (pem(KEY), "x", "", pem(ec.generate_private_key(ec.SECP384R1()))):
        with pytest.raises(ProviderFailedError, match="P-256"):
            apple_secret("app", "team", "key", other, 1)
