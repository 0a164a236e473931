"""Models of the providers that users of a project sign in with: their settings, secrets left out.

What is secret is in no answer; its field is always empty.
"""

from __future__ import annotations

from typing import Final

import msgspec

from tidewire.core.models.base import Model, Page, system


class _OAuth2(Model, frozen=True, kw_only=True, tag_field="$id"):
    enabled: bool


class _ClientSecret(_OAuth2, frozen=True, kw_only=True):
    client_id: str
    client_secret: str


class OAuth2Github(_ClientSecret, frozen=True, kw_only=True, tag="github"):
    """Signing in with GitHub."""


class OAuth2Discord(_ClientSecret, frozen=True, kw_only=True, tag="discord"):
    """Signing in with Discord."""


class OAuth2Figma(_ClientSecret, frozen=True, kw_only=True, tag="figma"):
    """Signing in with Figma."""


class OAuth2Dropbox(_OAuth2, frozen=True, kw_only=True, tag="dropbox"):
    """Signing in with Dropbox."""

    app_key: str
    app_secret: str


class OAuth2Dailymotion(_OAuth2, frozen=True, kw_only=True, tag="dailymotion"):
    """Signing in with Dailymotion."""

    api_key: str
    api_secret: str


class OAuth2Bitbucket(_OAuth2, frozen=True, kw_only=True, tag="bitbucket"):
    """Signing in with BitBucket."""

    key: str
    secret: str


class OAuth2Bitly(_ClientSecret, frozen=True, kw_only=True, tag="bitly"):
    """Signing in with Bitly."""


class OAuth2Box(_ClientSecret, frozen=True, kw_only=True, tag="box"):
    """Signing in with Box."""


class OAuth2Autodesk(_ClientSecret, frozen=True, kw_only=True, tag="autodesk"):
    """Signing in with Autodesk."""


class OAuth2Google(_ClientSecret, frozen=True, kw_only=True, tag="google"):
    """Signing in with Google."""

    prompt: list[str]


class OAuth2Zoom(_ClientSecret, frozen=True, kw_only=True, tag="zoom"):
    """Signing in with Zoom."""


class OAuth2Zoho(_ClientSecret, frozen=True, kw_only=True, tag="zoho"):
    """Signing in with Zoho."""


class OAuth2Yandex(_ClientSecret, frozen=True, kw_only=True, tag="yandex"):
    """Signing in with Yandex."""


class OAuth2X(_OAuth2, frozen=True, kw_only=True, tag="x"):
    """Signing in with X."""

    customer_key: str
    secret_key: str


class OAuth2WordPress(_ClientSecret, frozen=True, kw_only=True, tag="wordpress"):
    """Signing in with WordPress."""


class OAuth2Twitch(_ClientSecret, frozen=True, kw_only=True, tag="twitch"):
    """Signing in with Twitch."""


class OAuth2Stripe(_OAuth2, frozen=True, kw_only=True, tag="stripe"):
    """Signing in with Stripe."""

    client_id: str
    api_secret_key: str


class OAuth2Spotify(_ClientSecret, frozen=True, kw_only=True, tag="spotify"):
    """Signing in with Spotify."""


class OAuth2Slack(_ClientSecret, frozen=True, kw_only=True, tag="slack"):
    """Signing in with Slack."""


class OAuth2Podio(_ClientSecret, frozen=True, kw_only=True, tag="podio"):
    """Signing in with Podio."""


class OAuth2Notion(_OAuth2, frozen=True, kw_only=True, tag="notion"):
    """Signing in with Notion."""

    oauth_client_id: str
    oauth_client_secret: str


class OAuth2Salesforce(_OAuth2, frozen=True, kw_only=True, tag="salesforce"):
    """Signing in with Salesforce."""

    customer_key: str
    customer_secret: str


class OAuth2Yahoo(_ClientSecret, frozen=True, kw_only=True, tag="yahoo"):
    """Signing in with Yahoo."""


class OAuth2Linkedin(_OAuth2, frozen=True, kw_only=True, tag="linkedin"):
    """Signing in with LinkedIn."""

    client_id: str
    primary_client_secret: str


class OAuth2Disqus(_OAuth2, frozen=True, kw_only=True, tag="disqus"):
    """Signing in with Disqus."""

    public_key: str
    secret_key: str


class OAuth2Amazon(_ClientSecret, frozen=True, kw_only=True, tag="amazon"):
    """Signing in with Amazon."""


class OAuth2Etsy(_OAuth2, frozen=True, kw_only=True, tag="etsy"):
    """Signing in with Etsy."""

    key_string: str
    shared_secret: str


class OAuth2Facebook(_OAuth2, frozen=True, kw_only=True, tag="facebook"):
    """Signing in with Facebook."""

    app_id: str
    app_secret: str


class OAuth2Tradeshift(_OAuth2, frozen=True, kw_only=True, tag="tradeshift"):
    """Signing in with Tradeshift."""

    oauth2_client_id: str
    oauth2_client_secret: str


class OAuth2Paypal(_OAuth2, frozen=True, kw_only=True, tag="paypal"):
    """Signing in with PayPal."""

    client_id: str
    secret_key: str


class OAuth2Gitlab(_OAuth2, frozen=True, kw_only=True, tag="gitlab"):
    """Signing in with GitLab."""

    application_id: str
    secret: str
    endpoint: str


class OAuth2Appwrite(_ClientSecret, frozen=True, kw_only=True, tag="appwrite"):
    """Signing in with Appwrite."""


class OAuth2Authentik(_ClientSecret, frozen=True, kw_only=True, tag="authentik"):
    """Signing in with Authentik."""

    endpoint: str


class OAuth2Auth0(_ClientSecret, frozen=True, kw_only=True, tag="auth0"):
    """Signing in with Auth0."""

    endpoint: str


class OAuth2FusionAuth(_ClientSecret, frozen=True, kw_only=True, tag="fusionauth"):
    """Signing in with FusionAuth."""

    endpoint: str


class OAuth2Keycloak(_ClientSecret, frozen=True, kw_only=True, tag="keycloak"):
    """Signing in with Keycloak."""

    endpoint: str
    realm_name: str


class OAuth2Oidc(_ClientSecret, frozen=True, kw_only=True, tag="oidc"):
    """Signing in with OpenID Connect."""

    well_known_url: str = msgspec.field(name="wellKnownURL")
    authorization_url: str = msgspec.field(name="authorizationURL")
    token_url: str = msgspec.field(name="tokenURL")
    user_info_url: str = msgspec.field(name="userInfoURL")
    prompt: list[str]
    max_age: int | None


class OAuth2Apple(_OAuth2, frozen=True, kw_only=True, tag="apple"):
    """Signing in with Apple."""

    service_id: str
    key_id: str
    team_id: str
    p8_file: str


class OAuth2Okta(_ClientSecret, frozen=True, kw_only=True, tag="okta"):
    """Signing in with Okta."""

    domain: str
    authorization_server_id: str


class OAuth2Kick(_ClientSecret, frozen=True, kw_only=True, tag="kick"):
    """Signing in with Kick."""


class OAuth2Microsoft(_OAuth2, frozen=True, kw_only=True, tag="microsoft"):
    """Signing in with Microsoft."""

    application_id: str
    application_secret: str
    tenant: str


class OAuth2HuggingFace(_ClientSecret, frozen=True, kw_only=True, tag="huggingface"):
    """Signing in with Hugging Face."""


AnyOAuth2Provider = (
    OAuth2Github
    | OAuth2Discord
    | OAuth2Figma
    | OAuth2Dropbox
    | OAuth2Dailymotion
    | OAuth2Bitbucket
    | OAuth2Bitly
    | OAuth2Box
    | OAuth2Autodesk
    | OAuth2Google
    | OAuth2Zoom
    | OAuth2Zoho
    | OAuth2Yandex
    | OAuth2X
    | OAuth2WordPress
    | OAuth2Twitch
    | OAuth2Stripe
    | OAuth2Spotify
    | OAuth2Slack
    | OAuth2Podio
    | OAuth2Notion
    | OAuth2Salesforce
    | OAuth2Yahoo
    | OAuth2HuggingFace
    | OAuth2Linkedin
    | OAuth2Disqus
    | OAuth2Amazon
    | OAuth2Etsy
    | OAuth2Facebook
    | OAuth2Tradeshift
    | OAuth2Paypal
    | OAuth2Gitlab
    | OAuth2Authentik
    | OAuth2Auth0
    | OAuth2FusionAuth
    | OAuth2Keycloak
    | OAuth2Oidc
    | OAuth2Apple
    | OAuth2Okta
    | OAuth2Kick
    | OAuth2Microsoft
)
"""Told apart by ``$id``."""

ListedOAuth2Provider = (
    OAuth2Github
    | OAuth2Discord
    | OAuth2Figma
    | OAuth2Dropbox
    | OAuth2Dailymotion
    | OAuth2Bitbucket
    | OAuth2Bitly
    | OAuth2Box
    | OAuth2Autodesk
    | OAuth2Google
    | OAuth2Zoom
    | OAuth2Zoho
    | OAuth2Yandex
    | OAuth2X
    | OAuth2WordPress
    | OAuth2Twitch
    | OAuth2Stripe
    | OAuth2Spotify
    | OAuth2Slack
    | OAuth2Podio
    | OAuth2Notion
    | OAuth2Salesforce
    | OAuth2Yahoo
    | OAuth2Linkedin
    | OAuth2Disqus
    | OAuth2Amazon
    | OAuth2Etsy
    | OAuth2Facebook
    | OAuth2Tradeshift
    | OAuth2Paypal
    | OAuth2Gitlab
    | OAuth2Appwrite
    | OAuth2Authentik
    | OAuth2Auth0
    | OAuth2FusionAuth
    | OAuth2Keycloak
    | OAuth2Oidc
    | OAuth2Apple
    | OAuth2Okta
    | OAuth2Kick
    | OAuth2Microsoft
    | OAuth2HuggingFace
)
"""Those that are listed: the ones that can be asked for, and one more."""


class OAuth2ProviderList(Page, frozen=True, kw_only=True):
    """A page of providers."""

    providers: list[ListedOAuth2Provider]


SECOND_IDS: Final[dict[str, type[msgspec.Struct]]] = {
    key: msgspec.defstruct(model.__name__, [], bases=(model,), frozen=True, kw_only=True, tag=key)
    for key, model in (("paypalSandbox", OAuth2Paypal), ("tradeshiftBox", OAuth2Tradeshift))
}
"""Models of providers that have one in common with another, under their own ids."""


class ConsoleOAuth2ProviderParameter(Model, frozen=True, kw_only=True):
    """Something that a provider is set up with, as a form asks for it."""

    id: str = system("id")
    name: str
    example: str
    hint: str


class ConsoleOAuth2Provider(Model, frozen=True, kw_only=True):
    """What a provider is set up with."""

    id: str = system("id")
    parameters: list[ConsoleOAuth2ProviderParameter]


class ConsoleOAuth2ProviderList(Page, frozen=True, kw_only=True):
    """All providers that there are."""

    providers: list[ConsoleOAuth2Provider] = msgspec.field(name="oAuth2Providers")
