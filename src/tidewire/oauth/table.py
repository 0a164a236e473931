"""The table of providers: their addresses, their scopes, and what their answers mean.

Addresses and fields are those of each provider's public documentation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tidewire.oauth import profiles
from tidewire.oauth.contract import ProfileRequest, Provider
from tidewire.oauth.profiles import OPENID, fields

_OPENID_SCOPES: Final = ("openid", "profile", "email")
_OFFLINE_SCOPES: Final = (*_OPENID_SCOPES, "offline_access")
_FACEBOOK: Final = "v22.0"


def _at(*urls: str) -> tuple[ProfileRequest, ...]:
    return tuple(ProfileRequest(url) for url in urls)


def _openid(key: str, base: str, paths: str, scopes: tuple[str, ...] = _OFFLINE_SCOPES) -> Provider:
    """A provider that follows OpenID Connect, with the paths of its three addresses."""
    authorize, token, userinfo = (base + path for path in paths.split())
    return Provider(key, authorize, token, _at(userinfo), OPENID, scopes, pkce=True)


def _paypal(key: str, site: str, api: str) -> Provider:
    userinfo = f"https://{api}/v1/identity/oauth2/userinfo?schema=paypalv1.1"
    return Provider(
        key,
        f"https://{site}/signin/authorize",
        f"https://{api}/v1/oauth2/token",
        _at(userinfo),
        profiles.paypal,
        _OPENID_SCOPES,
        basic=True,
        parameters=(("flowEntry", "static"),),
    )


def _tradeshift(key: str, host: str) -> Provider:
    base = f"https://{host}/tradeshift"
    user = ProfileRequest(
        f"{base}/rest/external/account/info/user", headers=(("accept", "application/json"),)
    )
    return Provider(
        key,
        f"{base}/auth/login",
        f"{base}/auth/token",
        (user,),
        profiles.tradeshift,
        ("openid", "offline"),
        basic=True,
    )


def _mock(key: str, user: str) -> Provider:
    """A provider for tests, which is only where a stand-in is named."""
    me = ProfileRequest(f"https://mock/{user}?token={{access_token}}", scheme="")
    read = fields("id", verified="verified")
    return Provider(key, "https://mock", "https://mock/token", (me,), read, ("email",))


_ALL: Final = (
    Provider(
        "amazon",
        "https://www.amazon.com/ap/oa",
        "https://api.amazon.com/auth/o2/token",
        _at("https://api.amazon.com/user/profile"),
        fields("user_id"),
        ("profile",),
        pkce=True,
    ),
    Provider(
        "apple",
        "https://appleid.apple.com/auth/authorize",
        "https://appleid.apple.com/auth/token",
        (),
        OPENID,
        ("name", "email"),
        parameters=(("response_mode", "form_post"),),
        issuer="https://appleid.apple.com",
        keys="https://appleid.apple.com/auth/keys",
        signs_secret=True,
    ),
    _openid(
        "appwrite",
        "https://cloud.appwrite.io/v1/oauth2/console",
        "/authorize /token /userinfo",
        _OPENID_SCOPES,
    ),
    _openid("auth0", "https://{endpoint}", "/authorize /oauth/token /userinfo"),
    _openid("authentik", "https://{endpoint}/application/o", "/authorize/ /token/ /userinfo/"),
    Provider(
        "autodesk",
        "https://developer.api.autodesk.com/authentication/v2/authorize",
        "https://developer.api.autodesk.com/authentication/v2/token",
        _at("https://api.userprofile.autodesk.com/userinfo"),
        OPENID,
        ("user-profile:read",),
        pkce=True,
        basic=True,
    ),
    Provider(
        "bitbucket",
        "https://bitbucket.org/site/oauth2/authorize",
        "https://bitbucket.org/site/oauth2/access_token",
        _at("https://api.bitbucket.org/2.0/user", "https://api.bitbucket.org/2.0/user/emails"),
        profiles.bitbucket,
        basic=True,
    ),
    Provider(
        "bitly",
        "https://bitly.com/oauth/authorize",
        "https://api-ssl.bitly.com/oauth/access_token",
        _at("https://api-ssl.bitly.com/v4/user"),
        profiles.bitly,
    ),
    Provider(
        "box",
        "https://account.box.com/api/oauth2/authorize",
        "https://api.box.com/oauth2/token",
        _at("https://api.box.com/2.0/users/me"),
        fields("id", email="login"),
    ),
    Provider(
        "dailymotion",
        "https://www.dailymotion.com/oauth/authorize",
        "https://api.dailymotion.com/oauth/token",
        _at("https://api.dailymotion.com/user/me?fields=id,email,fullname"),
        fields("id", name="fullname"),
        ("userinfo", "email"),
    ),
    Provider(
        "discord",
        "https://discord.com/oauth2/authorize",
        "https://discord.com/api/oauth2/token",
        _at("https://discord.com/api/users/@me"),
        fields("id", name="username", verified="verified"),
        ("identify", "email"),
        pkce=True,
    ),
    Provider(
        "disqus",
        "https://disqus.com/api/oauth/2.0/authorize/",
        "https://disqus.com/api/oauth/2.0/access_token/",
        (
            ProfileRequest(
                "https://disqus.com/api/3.0/users/details.json?access_token={access_token}"
                "&api_key={client_id}&api_secret={client_secret}",
                scheme="",
            ),
        ),
        fields("response.id", email="response.email", name="response.name"),
        ("read", "email"),
        scopes_joined_by=",",
    ),
    Provider(
        "dropbox",
        "https://www.dropbox.com/oauth2/authorize",
        "https://api.dropboxapi.com/oauth2/token",
        (ProfileRequest("https://api.dropboxapi.com/2/users/get_current_account", "POST"),),
        fields("account_id", name="name.display_name", verified="email_verified"),
        pkce=True,
        parameters=(("token_access_type", "offline"),),
    ),
    Provider(
        "etsy",
        "https://www.etsy.com/oauth/connect",
        "https://api.etsy.com/v3/public/oauth/token",
        (
            ProfileRequest(
                "https://openapi.etsy.com/v3/application/users/{token_user}",
                headers=(("x-api-key", "{client_id}"),),
            ),
        ),
        profiles.etsy,
        ("email_r", "profile_r"),
        pkce=True,
    ),
    Provider(
        "facebook",
        f"https://www.facebook.com/{_FACEBOOK}/dialog/oauth",
        f"https://graph.facebook.com/{_FACEBOOK}/oauth/access_token",
        _at(f"https://graph.facebook.com/{_FACEBOOK}/me?fields=id,name,email"),
        fields("id"),
        ("email",),
    ),
    Provider(
        "figma",
        "https://www.figma.com/oauth",
        "https://api.figma.com/v1/oauth/token",
        _at("https://api.figma.com/v1/me"),
        fields("id", name="handle"),
        ("current_user:read",),
        refresh="https://api.figma.com/v1/oauth/refresh",
        pkce=True,
        basic=True,
    ),
    _openid("fusionauth", "https://{endpoint}/oauth2", "/authorize /token /userinfo"),
    Provider(
        "github",
        "https://github.com/login/oauth/authorize",
        "https://github.com/login/oauth/access_token",
        _at("https://api.github.com/user", "https://api.github.com/user/emails"),
        profiles.github,
        ("user:email",),
        pkce=True,
        probe=True,
    ),
    Provider(
        "gitlab",
        "{endpoint}/oauth/authorize",
        "{endpoint}/oauth/token",
        _at("{endpoint}/api/v4/user"),
        profiles.gitlab,
        ("read_user",),
        pkce=True,
    ),
    Provider(
        "google",
        "https://accounts.google.com/o/oauth2/v2/auth",
        "https://oauth2.googleapis.com/token",
        _at("https://openidconnect.googleapis.com/v1/userinfo"),
        OPENID,
        _OPENID_SCOPES,
        pkce=True,
        parameters=(("access_type", "offline"),),
    ),
    Provider(
        "huggingface",
        "https://huggingface.co/oauth/authorize",
        "https://huggingface.co/oauth/token",
        _at("https://huggingface.co/oauth/userinfo"),
        OPENID,
        _OPENID_SCOPES,
        pkce=True,
        basic=True,
        probe=True,
    ),
    _openid(
        "keycloak",
        "https://{endpoint}/realms/{realmName}/protocol/openid-connect",
        "/auth /token /userinfo",
    ),
    Provider(
        "kick",
        "https://id.kick.com/oauth/authorize",
        "https://id.kick.com/oauth/token",
        _at("https://api.kick.com/public/v1/users"),
        fields("data.0.user_id", email="data.0.email", name="data.0.name"),
        ("user:read",),
        pkce=True,
    ),
    Provider(
        "linkedin",
        "https://www.linkedin.com/oauth/v2/authorization",
        "https://www.linkedin.com/oauth/v2/accessToken",
        _at("https://api.linkedin.com/v2/userinfo"),
        OPENID,
        _OPENID_SCOPES,
    ),
    Provider(
        "microsoft",
        "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/authorize",
        "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
        _at("https://graph.microsoft.com/v1.0/me"),
        profiles.microsoft,
        ("offline_access", "user.read"),
        pkce=True,
        parameters=(("response_mode", "query"),),
    ),
    Provider(
        "notion",
        "https://api.notion.com/v1/oauth/authorize",
        "https://api.notion.com/v1/oauth/token",
        (ProfileRequest("https://api.notion.com/v1/users/me", headers=(("notion-version", "2022-06-28"),)),),
        fields("bot.owner.user.id", email="bot.owner.user.person.email", name="bot.owner.user.name"),
        basic=True,
        json_body=True,
        parameters=(("owner", "user"),),
    ),
    Provider("oidc", "", "", (), OPENID, _OPENID_SCOPES, pkce=True, own_endpoints=True),
    _openid(
        "okta", "https://{domain}/oauth2/{authorizationServerId}", "/v1/authorize /v1/token /v1/userinfo"
    ),
    _paypal("paypal", "www.paypal.com", "api-m.paypal.com"),
    _paypal("paypalSandbox", "www.sandbox.paypal.com", "api-m.sandbox.paypal.com"),
    Provider(
        "podio",
        "https://podio.com/oauth/authorize",
        "https://api.podio.com/oauth/token",
        _at("https://api.podio.com/user", "https://api.podio.com/user/profile"),
        profiles.podio,
    ),
    Provider(
        "salesforce",
        "https://login.salesforce.com/services/oauth2/authorize",
        "https://login.salesforce.com/services/oauth2/token",
        _at("https://login.salesforce.com/services/oauth2/userinfo"),
        fields("user_id", verified="email_verified"),
        ("openid",),
        pkce=True,
        basic=True,
    ),
    Provider(
        "slack",
        "https://slack.com/openid/connect/authorize",
        "https://slack.com/api/openid.connect.token",
        _at("https://slack.com/api/openid.connect.userInfo"),
        OPENID,
        _OPENID_SCOPES,
    ),
    Provider(
        "spotify",
        "https://accounts.spotify.com/authorize",
        "https://accounts.spotify.com/api/token",
        _at("https://api.spotify.com/v1/me"),
        fields("id", name="display_name"),
        ("user-read-email",),
        pkce=True,
        basic=True,
    ),
    Provider(
        "stripe",
        "https://connect.stripe.com/oauth/authorize",
        "https://connect.stripe.com/oauth/token",
        _at("https://api.stripe.com/v1/accounts/{stripe_user_id}"),
        fields("id", name="business_profile.name"),
        ("read_write",),
    ),
    _tradeshift("tradeshift", "api.tradeshift.com"),
    _tradeshift("tradeshiftBox", "api-sandbox.tradeshift.com"),
    Provider(
        "twitch",
        "https://id.twitch.tv/oauth2/authorize",
        "https://id.twitch.tv/oauth2/token",
        (ProfileRequest("https://api.twitch.tv/helix/users", headers=(("client-id", "{client_id}"),)),),
        fields("data.0.id", email="data.0.email", name="data.0.display_name"),
        ("user:read:email",),
        parameters=(("force_verify", "true"),),
    ),
    Provider(
        "wordpress",
        "https://public-api.wordpress.com/oauth2/authorize",
        "https://public-api.wordpress.com/oauth2/token",
        _at("https://public-api.wordpress.com/rest/v1/me"),
        fields("ID", name="username", verified="email_verified"),
        ("auth",),
    ),
    Provider(
        "x",
        "https://x.com/i/oauth2/authorize",
        "https://api.x.com/2/oauth2/token",
        _at("https://api.x.com/2/users/me?user.fields=confirmed_email"),
        profiles.x,
        ("tweet.read", "users.read", "users.email", "offline.access"),
        pkce=True,
        basic=True,
    ),
    Provider(
        "yahoo",
        "https://api.login.yahoo.com/oauth2/request_auth",
        "https://api.login.yahoo.com/oauth2/get_token",
        _at("https://api.login.yahoo.com/openid/v1/userinfo"),
        OPENID,
        _OPENID_SCOPES,
        pkce=True,
        basic=True,
    ),
    Provider(
        "yammer",
        "https://www.yammer.com/oauth2/authorize",
        "https://www.yammer.com/oauth2/access_token",
        _at("https://www.yammer.com/api/v1/users/current.json"),
        fields("id", name="full_name"),
    ),
    Provider(
        "yandex",
        "https://oauth.yandex.com/authorize",
        "https://oauth.yandex.com/token",
        (ProfileRequest("https://login.yandex.ru/info?format=json", scheme="OAuth"),),
        fields("id", email="default_email", name="display_name"),
        pkce=True,
        basic=True,
    ),
    Provider(
        "zoho",
        "https://accounts.zoho.com/oauth/v2/auth",
        "https://accounts.zoho.com/oauth/v2/token",
        (),
        OPENID,
        _OPENID_SCOPES,
        parameters=(("access_type", "offline"),),
        issuer="https://accounts.zoho.com",
        keys="https://accounts.zoho.com/oauth/v2/keys",
    ),
    Provider(
        "zoom",
        "https://zoom.us/oauth/authorize",
        "https://zoom.us/oauth/token",
        _at("https://api.zoom.us/v2/users/me"),
        profiles.zoom,
        pkce=True,
        basic=True,
    ),
    _mock("mock", "user"),
    _mock("mock-unverified", "user-unverified"),
)

PROVIDERS: Final[Mapping[str, Provider]] = {provider.key: provider for provider in _ALL}
"""All providers, by key."""
