"""Signing in at another provider: the way there, the way back, and where it ends.

A sign-in that is under way is known by its state, which works once, for minutes, and in the browser alone
that began it: that browser has a cookie of it. A server that begins one with an API key, for a browser that
it will send on, has none; such a sign-in is never joined to whoever is signed in.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from hmac import compare_digest
from typing import Annotated, Final
from urllib.parse import urlencode, urlsplit

import msgspec

from tidewire.core.checks.lists import Items
from tidewire.core.checks.texts import Choice, Text
from tidewire.core.errors import TidewireError
from tidewire.core.oauth_providers import OAUTH_PROVIDERS
from tidewire.core.operations import Method, parameters_of
from tidewire.core.parameters import Parameter
from tidewire.core.rate_limits import RateLimit
from tidewire.core.redirection import Browser, BrowserCookie, Redirection
from tidewire.core.redirects import redirect_allowed, with_query
from tidewire.core.time import now
from tidewire.oauth.contract import Endpoints, ProviderFailedError
from tidewire.oauth.engine import authorization_url, find_endpoints, sign_in
from tidewire.services.account import operations
from tidewire.services.account.events import SESSION_CREATED
from tidewire.services.account.oauth2_people import Ended, end_sign_in
from tidewire.services.account.provider_tokens import provider_disabled, provider_failed
from tidewire.services.account.redirects import OptionalRedirect
from tidewire.services.context import Context
from tidewire.services.oauth.asking import ask
from tidewire.services.oauth.registrations import is_usable, provider_name, registration_of, settings_of
from tidewire.services.visits import visit_of
from tidewire.store.engine.database import Transaction
from tidewire.store.records.oauth2_attempts import end_attempt, find_attempt, keep_attempt
from tidewire.store.secrets.credentials import hash_secret
from tidewire.store.secrets.encryption import SealError

_SESSIONS: Final = "/account/sessions/oauth2"
_CALLBACK: Final = f"{_SESSIONS}/callback/{{provider}}/{{projectId}}"
_BACK: Final = f"{_SESSIONS}/{{provider}}/redirect"
_COOKIE_PATH: Final = f"/v1{_SESSIONS}"
SUCCESS_PAGE: Final = "/console/auth/oauth2/success"
FAILURE_PAGE: Final = "/console/auth/oauth2/failure"
_OFTEN: Final = RateLimit(50, 3600, ("ip:{ip}",))

ProviderKey = Annotated[str, Choice(tuple(OAUTH_PROVIDERS))]
ProviderScopes = Annotated[Sequence[str], Items(Text(1, 4096), 100)]
Returned = Annotated[str, Text(0, 2048)]
State = Annotated[str, Text(1, 2048)]


class Attempt(msgspec.Struct, frozen=True):
    """A sign-in that is under way."""

    provider: str
    success: str
    """Where the browser goes in the end."""
    failure: str
    as_token: bool
    """Whether the app gets a token for a session, in place of the session."""
    app_state: str
    """What the app wants to read again in the end."""
    redirect_uri: str
    verifier: str
    nonce: str
    endpoints: Endpoints
    user_id: str
    """Who was signed in when it began; empty: nobody."""
    browser: str
    """Hash of the cookie of the browser that began it; empty: a server did."""


@operations.declare(
    "createOAuth2Session",
    "GET",
    f"{_SESSIONS}/{{provider}}",
    scopes=("sessions.write",),
    status=301,
    limit=_OFTEN,
)
async def create_oauth2_session(
    context: Context,
    provider: ProviderKey,
    success: OptionalRedirect = "",
    failure: OptionalRedirect = "",
    scopes: ProviderScopes = (),
) -> Redirection:
    """Send the browser to a provider, and in the end to ``success``, with a session in a cookie."""
    return await _begin(context, provider, success, failure, scopes, as_token=False)


@operations.declare(
    "createOAuth2Token",
    "GET",
    "/account/tokens/oauth2/{provider}",
    scopes=("sessions.write",),
    status=301,
    limit=_OFTEN,
)
async def create_oauth2_token(
    context: Context,
    provider: ProviderKey,
    success: OptionalRedirect = "",
    failure: OptionalRedirect = "",
    scopes: ProviderScopes = (),
    state: Annotated[str, Text(0, 256)] = "",
) -> Redirection:
    """Send the browser to a provider, and in the end to ``success`` with what a session is made from.

    ``state`` is read again in the query of ``success`` and ``failure``.
    """
    return await _begin(context, provider, success, failure, scopes, as_token=True, app_state=state)


def _as_sent(function: Callable[..., object], method: Method, path: str) -> tuple[Parameter, ...]:
    """The parameters of an operation that providers call, who name them as RFC 6749 does."""
    return tuple(
        replace(each, name=each.argument) if each.argument.startswith("error_") else each
        for each in parameters_of(function, method, path)
    )


async def oauth2_callback(
    context: Context,
    project_id: Annotated[str, Text(1, 1024)],
    provider: ProviderKey,
    code: Returned = "",
    state: State = "",
    error: Returned = "",
    error_description: Returned = "",
    user: Returned = "",
) -> Redirection:
    """Take what a provider sends a browser back with to where the browser shows its cookie."""
    told = {
        "project": project_id,
        "code": code,
        "state": state,
        "error": error,
        "error_description": error_description,
        "user": user,
    }
    query = urlencode({name: value for name, value in told.items() if value})
    return Redirection(f"{_browser(context).base}{_COOKIE_PATH}/{provider}/redirect?{query}")


_CALLBACKS: Final[tuple[tuple[str, Method], ...]] = (
    ("oauth2Callback", "GET"),
    ("oauth2CallbackPost", "POST"),
)
for _name, _method in _CALLBACKS:
    operations.declare(
        _name,
        _method,
        _CALLBACK,
        scopes=("public",),
        status=301,
        parameters=_as_sent(oauth2_callback, _method, _CALLBACK),
    )(oauth2_callback)


async def oauth2_redirect(
    context: Context,
    provider: ProviderKey,
    code: Returned = "",
    state: State = "",
    error: Returned = "",
    error_description: Returned = "",
    user: Returned = "",
) -> Redirection:
    """Sign in whom the provider names, and send the browser to where it was to go in the end."""
    browser = _browser(context)
    attempt = await _used_attempt(context, browser, provider, state)
    _require_own(context, attempt)
    try:
        if error:
            message = ": ".join(each for each in (error, error_description) if each)
            raise _refused_there(provider, f"it says {_readable(message)}")
        if not code:
            raise _refused_there(provider, "it sent no code")
        ended = await _end(context, attempt, code, user)
    except TidewireError as failed:
        return Redirection(_failure_url(context, browser, attempt, failed), (_forgotten(state),))
    return Redirection(_success_url(context, browser, attempt, ended), (_forgotten(state),))


operations.declare(
    "oauth2Redirect",
    "GET",
    _BACK,
    scopes=("public",),
    status=301,
    event=SESSION_CREATED,
    limit=_OFTEN,
    parameters=_as_sent(oauth2_redirect, "GET", _BACK),
)(oauth2_redirect)


async def _begin(
    context: Context,
    provider: str,
    success: str,
    failure: str,
    scopes: Sequence[str],
    *,
    as_token: bool,
    app_state: str = "",
) -> Redirection:
    browser = _browser(context)
    settings = settings_of(context.project.settings, provider)
    if not is_usable(settings):
        raise provider_disabled(provider)
    for name, url in (("success", success), ("failure", failure)):
        if url and not _allowed(context, url):
            raise TidewireError("general_argument_invalid", f"Invalid `{name}` param: {_ELSEWHERE}")
    if context.caller.impersonator is not None:
        raise TidewireError("user_unauthorized", "Sign in at a provider as yourself, in nobody's place.")
    by_server = context.caller.bypasses_permissions
    state, cookie = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    try:
        registration = registration_of(context, provider, settings)
        endpoints = await ask(context, find_endpoints(registration))
        attempt = Attempt(
            provider=provider,
            success=success or browser.base + SUCCESS_PAGE,
            failure=failure or browser.base + FAILURE_PAGE,
            as_token=as_token,
            app_state=app_state,
            redirect_uri=f"{browser.base}/v1{_SESSIONS}/callback/{provider}/{context.project.id}",
            verifier=secrets.token_urlsafe(48),
            nonce=secrets.token_urlsafe(24),
            endpoints=endpoints,
            user_id="" if by_server else context.caller.user_id,
            browser="" if by_server else hash_secret(cookie),
        )
        there = authorization_url(
            registration,
            endpoints,
            redirect_uri=attempt.redirect_uri,
            state=state,
            scopes=scopes,
            verifier=attempt.verifier,
            nonce=attempt.nonce,
        )
    except ProviderFailedError as error:
        raise provider_failed(provider, error) from None
    sealed = context.encryption.seal(msgspec.json.encode(attempt).decode())
    seconds, most = context.settings.oauth2_attempt_seconds, context.settings.oauth2_attempts

    def keep(transaction: Transaction) -> None:
        keep_attempt(transaction.connection, state, sealed, seconds, most)

    await context.database.write(keep)
    cookies = () if by_server else (BrowserCookie(_cookie_name(state), cookie, _COOKIE_PATH, seconds),)
    return Redirection(there, cookies)


async def _used_attempt(context: Context, browser: Browser, provider: str, state: str) -> Attempt:
    """What the sign-in with this state is for, if this browser began it; nobody can use it again."""
    cookie = browser.cookies.get(_cookie_name(state), "")

    def unit(transaction: Transaction) -> Attempt:
        sealed = find_attempt(transaction.connection, state) if state else None
        try:
            attempt = msgspec.json.decode(context.encryption.open(sealed or ""), type=Attempt)
        except (SealError, msgspec.DecodeError):
            raise _not_under_way() from None
        fits = not attempt.browser or compare_digest(attempt.browser, hash_secret(cookie))
        if attempt.provider != provider or not fits:
            raise _not_under_way()
        end_attempt(transaction.connection, state)
        return attempt

    return await context.database.write(unit)


async def _end(context: Context, attempt: Attempt, code: str, user: str) -> Ended:
    """Exchange the code, and sign in whom it stands for."""
    settings = settings_of(context.project.settings, attempt.provider)
    if not is_usable(settings):
        raise provider_disabled(attempt.provider)
    try:
        registration = registration_of(context, attempt.provider, settings)
        tokens, profile = await ask(
            context,
            sign_in(
                registration,
                attempt.endpoints,
                code=code,
                redirect_uri=attempt.redirect_uri,
                verifier=attempt.verifier,
                nonce=attempt.nonce,
                moment=now() // 1000,
            ),
        )
    except ProviderFailedError as error:
        raise provider_failed(attempt.provider, error) from None
    if not profile.name:
        profile = replace(profile, name=_sent_name(user))
    visit = await visit_of(context)
    return await end_sign_in(
        context,
        attempt.provider,
        profile,
        tokens,
        visit,
        user_id=attempt.user_id,
        joins=bool(attempt.browser),
        as_token=attempt.as_token,
    )


def _success_url(context: Context, browser: Browser, attempt: Attempt, ended: Ended) -> str:
    told: dict[str, str] = {"state": attempt.app_state} if attempt.app_state else {}
    if attempt.as_token:
        told |= {"userId": ended.user_id, "secret": ended.secret}
    elif attempt.success == browser.base + SUCCESS_PAGE and ended.session is not None:
        # Apps whose SDK named no address read the session here, since they have no cookies of the browser.
        told |= {
            "project": context.project.id,
            "domain": urlsplit(browser.base).hostname or "",
            "key": f"a_session_{context.project.id}",
            "secret": ended.session.encoded,
        }
    return with_query(attempt.success, told) if told else attempt.success


def _failure_url(context: Context, browser: Browser, attempt: Attempt, failed: TidewireError) -> str:
    error = {"message": failed.message, "type": failed.type, "code": failed.code}
    told = {"error": msgspec.json.encode(error).decode()}
    if attempt.app_state:
        told["state"] = attempt.app_state
    if attempt.failure == browser.base + FAILURE_PAGE:
        told["project"] = context.project.id
    return with_query(attempt.failure, told)


def _require_own(context: Context, attempt: Attempt) -> None:
    """Refuse addresses that are the project's no more: platforms may have gone meanwhile."""
    for type_, url in (
        ("project_invalid_success_url", attempt.success),
        ("project_invalid_failure_url", attempt.failure),
    ):
        if not url.startswith(attempt.redirect_uri.partition("/v1/")[0] + "/console/auth/oauth2/") and not (
            _allowed(context, url)
        ):
            raise TidewireError(type_, f"The sign-in cannot end there: {_ELSEWHERE}")


_ELSEWHERE: Final = "people are sent to registered platforms, this server and localhost only."


def _allowed(context: Context, url: str) -> bool:
    project, hostnames = context.project, context.settings.hostnames
    return context.caller.by_dev_key or redirect_allowed(url, project.id, project.platforms, hostnames)


def _browser(context: Context) -> Browser:
    if context.browser is None:
        raise TidewireError("general_bad_request", "This is for browsers, which follow a link by REST.")
    return context.browser


def _cookie_name(state: str) -> str:
    """Several sign-ins may be under way in one browser."""
    return f"a_oauth2_{hash_secret(state)[:16]}"


def _forgotten(state: str) -> BrowserCookie:
    return BrowserCookie(_cookie_name(state), "", _COOKIE_PATH, 0)


def _sent_name(user: str) -> str:
    """The name that Apple tells the browser, when somebody signs in for the first time."""
    try:
        name = msgspec.json.decode(user or "{}", type=_AppleUser).name
    except (msgspec.DecodeError, RecursionError):
        return ""
    text = f"{name.first} {name.last}".strip()[:128]
    return text if text.isprintable() else ""


class _AppleName(msgspec.Struct):
    first: str = msgspec.field(name="firstName", default="")
    last: str = msgspec.field(name="lastName", default="")


class _AppleUser(msgspec.Struct):
    name: _AppleName = msgspec.field(default_factory=_AppleName)


def _readable(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text[:300])


def _refused_there(provider: str, reason: str) -> TidewireError:
    message = f"Signing in with {provider_name(provider)} did not succeed: {reason}."
    return TidewireError("user_oauth2_provider_error", message)


def _not_under_way() -> TidewireError:
    return TidewireError(
        "user_oauth2_bad_request",
        "No such sign-in is under way in this browser: it took too long, was ended already, or began "
        "elsewhere. Begin again.",
    )
