"""ID tokens of OpenID Connect: signed claims of who signed in (Core 1.0, section 3.1.3.7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import jwt

from tidewire.oauth.contract import ProviderFailedError

_ALGORITHMS: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
)
"""Signatures by keys of which the public half is enough to check them. The client's secret signs nothing."""
_LEEWAY: Final = 120
"""Seconds that clocks may differ by."""
_LONGEST: Final = 32 * 1024
_MOST_KEYS: Final = 32
_PUBLIC_MEMBERS: Final = frozenset({"kty", "kid", "use", "alg", "n", "e", "crv", "x", "y"})
"""Of a JSON Web Key (RFC 7518, section 6). The private ones are left out: to see whether an RSA key with them
is sound takes seconds, for which nothing else is done."""
_PUBLIC_KINDS: Final = frozenset({"EC", "OKP", "RSA"})
"""Kinds of keys that have a public half. The library stumbles over others without their secret members."""
_LONGEST_MEMBER: Final = 1400
"""Characters of a member: the modulus of an RSA key of 8,192 bits has 1,366."""
_LONGEST_P8: Final = 1000
"""Characters of a private key of P-256 as PEM, which has 240; an RSA key has more."""


def claims_of(
    token: str, keys: Any, *, issuer: str, client_id: str, nonce: str, max_age: int | None, moment: int
) -> dict[str, Any]:
    """The claims of a token that the issuer signed for this client and this sign-in.

    ``keys`` is a JSON Web Key Set; ``max_age`` in seconds, None if it does not matter how long ago the person
    signed in there; ``moment`` in seconds. Raises :class:`ProviderFailedError`.
    """
    try:
        if len(token) > _LONGEST:
            raise ValueError("too long")
        claims: dict[str, Any] = jwt.decode(
            token,
            _key_of(token, keys),
            algorithms=list(_ALGORITHMS),
            audience=client_id,
            issuer=issuer,
            leeway=_LEEWAY,
            options={"require": ["iss", "sub", "aud", "exp", "iat"]},
        )
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise ProviderFailedError(f"its ID token does not hold: {error}") from None
    if claims.get("nonce") != nonce:
        raise ProviderFailedError("its ID token is of another sign-in")
    audience = claims["aud"]
    authorised = claims.get("azp", client_id if audience in (client_id, [client_id]) else None)
    if authorised != client_id:
        raise ProviderFailedError("its ID token is for another app")
    if max_age is not None:
        signed_in = claims.get("auth_time")
        if not isinstance(signed_in, int) or signed_in + max_age + _LEEWAY < moment:
            raise ProviderFailedError("the sign-in there is longer ago than this project allows")
    return claims


def _key_of(token: str, keys: Any) -> jwt.PyJWK:
    """The key that the head of the token names. Raises what the library raises, and ValueError."""
    listed = keys.get("keys") if isinstance(keys, Mapping) else None
    if not isinstance(listed, list) or len(listed) > _MOST_KEYS:
        raise ValueError("the keys of the issuer cannot be read")
    head = jwt.get_unverified_header(token)
    named = head.get("kid")
    public = [
        {name: member for name, member in key.items() if name in _PUBLIC_MEMBERS and _is_short(member)}
        for key in listed
        if isinstance(key, Mapping) and str(key.get("kty")) in _PUBLIC_KINDS
    ]
    fitting = [
        key
        for key in jwt.PyJWKSet(public).keys
        if key.public_key_use in (None, "sig") and (named is None or key.key_id == named)
    ]
    if len(fitting) != 1 or head.get("alg") not in _ALGORITHMS:
        raise ValueError("no key of the issuer fits")
    return fitting[0]


def _is_short(member: object) -> bool:
    return isinstance(member, str) and len(member) <= _LONGEST_MEMBER


def apple_secret(client_id: str, team_id: str, key_id: str, private_key: str, moment: int) -> str:
    """The secret of an app of Apple, which it signs itself and which works for five minutes.

    Raises :class:`ProviderFailedError` if the key is none.
    """
    claims = {
        "iss": team_id,
        "iat": moment,
        "exp": moment + 300,
        "aud": "https://appleid.apple.com",
        "sub": client_id,
    }
    try:
        if len(private_key) > _LONGEST_P8:
            raise ValueError("too long")
        return jwt.encode(claims, private_key, algorithm="ES256", headers={"kid": key_id})
    except (jwt.PyJWTError, ValueError, TypeError):
        raise ProviderFailedError("the key of the project (p8File) is no private key of P-256") from None
