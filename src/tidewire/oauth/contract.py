"""What the engine, the table of providers and those who drive them have in common."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

T = TypeVar("T")


class ProviderFailedError(Exception):
    """A provider that cannot be asked, refuses, or answers something else than it should.

    The text is fit to be shown to whoever signs in: it holds no secret.
    """


@dataclass(frozen=True)
class ProviderRequest:
    """A request that is to be sent to a provider."""

    method: Literal["GET", "POST"]
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True)
class ProviderAnswer:
    """What the provider answered."""

    status: int
    body: bytes


Conversation = Generator[ProviderRequest, ProviderAnswer, T]
"""Yields each request, is sent its answer, and returns what came out; raises ProviderFailedError."""


@dataclass(frozen=True)
class Tokens:
    """What a provider gives for a code or a refresh token."""

    access: str
    refresh: str = ""
    seconds: int = 0
    """How long the access token works; 0: it does not say."""
    id_token: str = ""
    answer: Mapping[str, Any] = field(default_factory=dict)
    """All of the answer."""


@dataclass(frozen=True)
class Profile:
    """Who signed in, as the provider knows them."""

    uid: str
    email: str = ""
    """In lower case; empty if the provider tells none, or one that is no address."""
    name: str = ""
    email_verified: bool = False
    """Whether the provider says that the address is theirs. What it does not say is taken for no."""


@dataclass(frozen=True)
class ProfileRequest:
    """A request for what a provider knows of who signed in."""

    url: str
    """With ``{client_id}`` and the like in braces, as :attr:`Provider.authorize`."""
    method: Literal["GET", "POST"] = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    scheme: str = "Bearer"
    """Of the header Authorization; empty: the access token stands in the address."""


Read = Callable[[Sequence[Any], Tokens], Profile]
"""Makes a profile of the answers to all profile requests."""


@dataclass(frozen=True)
class Provider:
    """A provider: where it is, how it wants to be asked, and what its answers mean."""

    key: str
    authorize: str
    """Address that people are sent to, with options of the settings in braces."""
    token: str
    profile: tuple[ProfileRequest, ...]
    read: Read
    scopes: tuple[str, ...] = ()
    """Those asked for always."""
    refresh: str = ""
    """Address that refresh tokens are shown at, if it is another than ``token``."""
    scopes_joined_by: str = " "
    scopes_named: str = "scope"
    """The parameter that holds the scopes."""
    pkce: bool = False
    """Whether it knows proof keys (RFC 7636). One that does not may refuse parameters it does not know."""
    basic: bool = False
    """Whether id and secret stand in the header Authorization, and not in the body."""
    json_body: bool = False
    """Whether it wants JSON for a form."""
    parameters: tuple[tuple[str, str], ...] = ()
    """Further parameters of the address that people are sent to."""
    issuer: str = ""
    """Of its ID tokens, where these are read."""
    keys: str = ""
    """Address of the keys that they are signed with."""
    own_endpoints: bool = False
    """Whether its addresses are part of the settings (OpenID Connect)."""
    signs_secret: bool = False
    """Whether the client's secret is a token that is signed anew for each request (Apple)."""
    probe: bool = False
    """Whether a wrong id or secret can be told before anybody signs in."""


@dataclass(frozen=True)
class Registration:
    """The app that a project has registered at a provider."""

    provider: Provider
    client_id: str
    client_secret: str
    options: Mapping[str, Any] = field(default_factory=dict)
    stand_in: str = ""
    """Address in place of all hosts of the provider, which follow in its path; empty: the provider's own."""


@dataclass(frozen=True)
class Endpoints:
    """Where a provider is."""

    authorize: str
    token: str
    profile: str = ""
    """Only where it is part of the settings."""
    issuer: str = ""
    keys: str = ""
    basic: bool = False
