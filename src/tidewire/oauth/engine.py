"""The engine: from the settings of a provider to who signed in, as requests to send and answers to read.

The authorization code flow (RFC 6749, section 4.1) with proof keys (RFC 7636), and OpenID Connect's discovery
where a project names only that.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeGuard
from urllib.parse import parse_qsl, quote, urlencode

import msgspec

from tidewire.core.checks.addresses import Url
from tidewire.core.json_steps import is_too_deep
from tidewire.core.parameters import InvalidParameterError
from tidewire.oauth.contract import (
    Conversation,
    Endpoints,
    Profile,
    ProfileRequest,
    ProviderAnswer,
    ProviderFailedError,
    ProviderRequest,
    Registration,
    Tokens,
)
from tidewire.oauth.id_tokens import apple_secret, claims_of
from tidewire.oauth.places import place

_FORM: Final = ("content-type", "application/x-www-form-urlencoded")
_JSON: Final = ("content-type", "application/json")
_LONGEST_TOKEN: Final = 16 * 1024
_LONGEST_REASON: Final = 200
_MOST_SECONDS: Final = 10 * 365 * 24 * 3600
_REFUSALS: Final = frozenset(
    {"incorrect_client_credentials", "invalid_client", "unauthorized_client", "Not Found"}
)
"""Errors that say that the id or the secret of the app is wrong."""


def challenge_of(verifier: str) -> str:
    """The challenge for a proof key (RFC 7636, section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def find_endpoints(registration: Registration) -> Conversation[Endpoints]:
    """Where the provider is: as the table says, as the settings say, or as the provider itself tells."""
    provider, options = registration.provider, registration.options
    if not provider.own_endpoints:
        return Endpoints(
            place(registration, provider.authorize),
            place(registration, provider.token),
            issuer=provider.issuer,
            keys=provider.keys and place(registration, provider.keys),
            basic=provider.basic,
        )
    named = [str(options.get(name) or "") for name in ("authorizationURL", "tokenURL", "userInfoURL")]
    well_known = str(options.get("wellKnownURL") or "")
    if all(named):
        return Endpoints(named[0], named[1], named[2])
    if not well_known:
        raise ProviderFailedError("its addresses are not set up: give the well-known address, or all three")
    found = yield from _json(ProviderRequest("GET", _checked(well_known)), "its configuration")
    issuer = found.get("issuer")
    if not isinstance(issuer, str) or not well_known.startswith(issuer.rstrip("/") + "/.well-known/"):
        raise ProviderFailedError("its configuration is one of another issuer")
    told = [found.get(f"{name}_endpoint") for name in ("authorization", "token", "userinfo")]
    authorize, token, userinfo = (own or _checked(other) for own, other in zip(named, told, strict=True))
    methods = found.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    basic = not (isinstance(methods, list) and "client_secret_post" in methods)
    return Endpoints(authorize, token, userinfo, issuer, _checked(found.get("jwks_uri")), basic)


def authorization_url(
    registration: Registration,
    endpoints: Endpoints,
    *,
    redirect_uri: str,
    state: str,
    scopes: Sequence[str],
    verifier: str,
    nonce: str,
) -> str:
    """The address that people are sent to; ``scopes`` are asked for besides the usual ones."""
    provider, options = registration.provider, registration.options
    asked = dict.fromkeys([*provider.scopes, *scopes])
    values = {
        "client_id": registration.client_id,
        "redirect_uri": redirect_uri,
        "response_type": "code",
        "state": state,
        **dict(provider.parameters),
    }
    if asked:
        values[provider.scopes_named] = provider.scopes_joined_by.join(asked)
    if provider.pkce:
        values |= {"code_challenge": challenge_of(verifier), "code_challenge_method": "S256"}
    if endpoints.keys:
        values["nonce"] = nonce
    if options.get("prompt"):
        values["prompt"] = " ".join(options["prompt"])
    if options.get("maxAge") is not None:
        values["max_age"] = str(options["maxAge"])
    address, _, query = endpoints.authorize.partition("?")
    kept = [pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0] not in values]
    return f"{address}?{urlencode([*kept, *values.items()])}"


def sign_in(
    registration: Registration,
    endpoints: Endpoints,
    *,
    code: str,
    redirect_uri: str,
    verifier: str,
    nonce: str,
    moment: int,
) -> Conversation[tuple[Tokens, Profile]]:
    """Exchange a code for tokens, and ask who signed in. ``moment`` in seconds since the epoch."""
    provider = registration.provider
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
    if provider.pkce:
        form["code_verifier"] = verifier
    tokens = yield from _tokens(registration, endpoints, endpoints.token, form, moment)
    claims: Mapping[str, Any] = {}
    if endpoints.keys and tokens.id_token:
        keys = yield from _json(ProviderRequest("GET", endpoints.keys), "its keys")
        claims = claims_of(
            tokens.id_token,
            keys,
            issuer=endpoints.issuer,
            client_id=registration.client_id,
            nonce=nonce,
            max_age=registration.options.get("maxAge"),
            moment=moment,
        )
    elif endpoints.keys:
        raise ProviderFailedError("it sent no ID token")
    requests = [ProfileRequest(endpoints.profile)] if provider.own_endpoints else provider.profile
    answers: list[Any] = []
    for request in requests:
        answer = yield from _json(_profile_request(registration, request, tokens), "who signed in", any_=True)
        answers.append(answer)
    if not requests:
        answers = [claims]
    elif claims and (not isinstance(answers[0], dict) or answers[0].get("sub") != claims["sub"]):
        raise ProviderFailedError("its ID token and its answer are about different people")
    return tokens, provider.read(answers, tokens)


def refresh(registration: Registration, refresh_token: str, moment: int) -> Conversation[Tokens]:
    """Exchange a refresh token for new tokens; where no new refresh token comes, the old one goes on."""
    endpoints = yield from find_endpoints(registration)
    url = registration.provider.refresh and place(registration, registration.provider.refresh)
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    tokens = yield from _tokens(registration, endpoints, url or endpoints.token, form, moment)
    return tokens if tokens.refresh else replace(tokens, refresh=refresh_token)


def check_credentials(registration: Registration, moment: int) -> Conversation[None]:
    """Ask the provider whether it knows the app, by a code that is none.

    Raises :class:`ProviderFailedError` if it does not.
    """
    endpoints = yield from find_endpoints(registration)
    form = {"grant_type": "authorization_code", "code": "none", "redirect_uri": "https://localhost/"}
    answer = yield _token_request(registration, endpoints, endpoints.token, form, moment)
    error = _decoded(answer.body).get("error")
    if (isinstance(error, str) and error in _REFUSALS) or answer.status >= 500:
        raise ProviderFailedError(
            f"it does not know the app, or its secret: {_reason(_decoded(answer.body))}"
        )


def _tokens(
    registration: Registration, endpoints: Endpoints, url: str, form: Mapping[str, str], moment: int
) -> Conversation[Tokens]:
    answer = yield _token_request(registration, endpoints, url, form, moment)
    found = _decoded(answer.body)
    access: Any = found.get("access_token")
    if isinstance(access, dict):  # Yammer
        access = access.get("token")
    if "error" in found or answer.status >= 400:
        raise ProviderFailedError(_reason(found) or f"it answered with status {answer.status}")
    if not _is_token(access):
        raise ProviderFailedError("it sent no access token")
    refreshed: Any = found.get("refresh_token")
    id_token: Any = found.get("id_token")
    return Tokens(
        access=access,
        refresh=refreshed if _is_token(refreshed) else "",
        seconds=_seconds(found.get("expires_in")),
        id_token=id_token if isinstance(id_token, str) else "",
        answer=found,
    )


def _token_request(
    registration: Registration, endpoints: Endpoints, url: str, form: Mapping[str, str], moment: int
) -> ProviderRequest:
    provider, options = registration.provider, registration.options
    client_id, secret = registration.client_id, registration.client_secret
    if provider.signs_secret:
        team, key = str(options.get("teamId", "")), str(options.get("keyId", ""))
        secret = apple_secret(client_id, team, key, secret, moment)
    headers = [("accept", "application/json")]
    values = dict(form)
    if not secret:  # a public client, which has its proof key alone
        values["client_id"] = client_id
    elif endpoints.basic:
        pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"
        headers.append(("authorization", "Basic " + base64.b64encode(pair.encode()).decode()))
    else:
        values |= {"client_id": client_id, "client_secret": secret}
    if provider.json_body:
        return ProviderRequest("POST", url, (*headers, _JSON), msgspec.json.encode(values))
    return ProviderRequest("POST", url, (*headers, _FORM), urlencode(values).encode())


def _profile_request(registration: Registration, request: ProfileRequest, tokens: Tokens) -> ProviderRequest:
    told = {
        "access_token": tokens.access,
        "client_id": registration.client_id,
        "client_secret": registration.client_secret,
        "token_user": tokens.access.partition(".")[0],
        "stripe_user_id": str(tokens.answer.get("stripe_user_id", "")),
    }
    headers = [("accept", "application/json")]
    headers += [(name, value.format_map(told)) for name, value in request.headers]
    if request.scheme:
        headers.append(("authorization", f"{request.scheme} {tokens.access}"))
    url = (
        _checked(request.url)
        if registration.provider.own_endpoints
        else place(registration, request.url, told)
    )
    return ProviderRequest(request.method, url, tuple(headers))


def _json(request: ProviderRequest, what: str, *, any_: bool = False) -> Conversation[Any]:
    """The JSON object that the provider answers with; ``any_``: or any other value."""
    answer: ProviderAnswer = yield request
    if answer.status != 200:
        raise ProviderFailedError(f"asked for {what}, it answered with status {answer.status}")
    value = _value(answer.body)
    if not isinstance(value, dict | list if any_ else dict):
        raise ProviderFailedError(f"asked for {what}, it did not answer with JSON")
    return value


def _value(body: bytes) -> Any:
    try:
        text = body.decode()
        return None if is_too_deep(text) else msgspec.json.decode(text)
    except (UnicodeDecodeError, msgspec.DecodeError, RecursionError):
        return None


def _decoded(body: bytes) -> dict[str, Any]:
    """The fields of an answer in JSON or, as older providers write it, as a form."""
    value = _value(body)
    if isinstance(value, dict):
        return value
    try:
        return dict(parse_qsl(body.decode(), max_num_fields=100))
    except (UnicodeDecodeError, ValueError):
        return {}


def _reason(answer: Mapping[str, Any]) -> str:
    told = [answer.get(name) for name in ("error", "error_description")]
    if isinstance(told[0], dict):  # Facebook
        told = [told[0].get("message")]
    text = ": ".join(each for each in told if isinstance(each, str) and each)
    return "".join(letter if letter.isprintable() else " " for letter in text[:_LONGEST_REASON])


def _is_token(value: Any) -> TypeGuard[str]:
    return (
        isinstance(value, str)
        and 0 < len(value) <= _LONGEST_TOKEN
        and value.isascii()
        and value.isprintable()
    )


def _seconds(value: Any) -> int:
    if isinstance(value, str) and value.isdigit() and len(value) < 20:
        value = int(value)
    return min(value, _MOST_SECONDS) if isinstance(value, int) and value > 0 else 0


def _checked(url: Any) -> str:
    try:
        return Url().convert(url)
    except InvalidParameterError:
        raise ProviderFailedError("one of its addresses is no URL") from None
