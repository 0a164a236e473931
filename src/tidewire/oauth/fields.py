"""What a provider is set up with: the names of its fields on the wire, and how a form asks for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

FieldKind = Literal["id", "secret", "text", "host", "url", "prompt", "age"]


@dataclass(frozen=True)
class Field:
    """One field of the settings of a provider."""

    name: str
    """On the wire."""
    label: str
    example: str
    hint: str = ""
    kind: FieldKind = "text"
    older: str = ""
    """Its name in the JSON text that older clients write as the secret."""
    needed: bool = False
    """Whether the provider can be used only with it."""
    choices: tuple[str, ...] = ()
    """Of a prompt."""


@dataclass(frozen=True)
class ProviderFields:
    """The fields of a provider, in the order in which a form shows them."""

    key: str
    operation: str
    """Name of the operation that changes them."""
    client_id: Field
    secret: Field
    options: tuple[Field, ...] = ()
    """All others, which are no secrets."""

    @property
    def shown(self) -> tuple[Field, ...]:
        """All fields in their order."""
        if self.secret.name == "p8File":
            return (self.client_id, *self.options, self.secret)
        return (self.client_id, self.secret, *self.options)


_LONGEST_SECRET: Final = 512
_LONGEST_KEY_FILE: Final = 4096
PROMPTS: Final = ("none", "consent", "select_account")
OPENID_PROMPTS: Final = ("none", "login", "consent", "select_account")


def longest_secret(field: Field) -> int:
    """Characters that a secret may have."""
    return _LONGEST_KEY_FILE if field.name == "p8File" else _LONGEST_SECRET


def _id(
    name: str = "clientId", label: str = "Client ID", example: str = "3f9c000000000000a71e", hint: str = ""
) -> Field:
    return Field(name, label, example, hint, "id", needed=True)


def _secret(
    name: str = "clientSecret",
    label: str = "Client Secret",
    example: str = "b20c00000000000000000000000000007d4f",
) -> Field:
    return Field(name, label, example, "", "secret", "clientSecret", needed=True)


def _host(example: str, older: str, *, needed: bool = False) -> Field:
    return Field("endpoint", "Domain", example, "", "host", older, needed)


def _fields(
    key: str,
    operation: str,
    client_id: Field | None = None,
    secret: Field | None = None,
    *options: Field,
) -> ProviderFields:
    return ProviderFields(key, f"updateOAuth2{operation}", client_id or _id(), secret or _secret(), options)


_ALL: Final = (
    _fields("amazon", "Amazon", _id(example="amzn1.application-oa2-client.5d10000000000000000000000000c3")),
    _fields(
        "apple",
        "Apple",
        _id("serviceId", "Service ID", "com.example.app.web"),
        Field(
            "p8File",
            "P8 File",
            "-----BEGIN PRIVATE KEY-----MIGT...-----END PRIVATE KEY-----",
            "",
            "secret",
            "p8",
            True,
        ),
        Field("keyId", "Key ID", "K3000000Z7", older="keyID", needed=True),
        Field("teamId", "Team ID", "T8000000Q2", older="teamID", needed=True),
    ),
    _fields("appwrite", "Appwrite"),
    _fields("auth0", "Auth0", None, None, _host("example.us.auth0.com", "auth0Domain")),
    _fields(
        "authentik", "Authentik", None, None, _host("example.authentik.com", "authentikDomain", needed=True)
    ),
    _fields("autodesk", "Autodesk"),
    _fields("bitbucket", "Bitbucket", _id("key", "Key", "Qw2000000000000jTs"), _secret("secret", "Secret")),
    _fields("bitly", "Bitly"),
    _fields("box", "Box"),
    _fields("dailymotion", "Dailymotion", _id("apiKey", "API Key"), _secret("apiSecret", "API Secret")),
    _fields("discord", "Discord", _id(example="1180000000000000342")),
    _fields(
        "disqus",
        "Disqus",
        _id("publicKey", "Public Key, also known as API Key"),
        _secret("secretKey", "Secret Key, also known as API Secret"),
    ),
    _fields(
        "dropbox", "Dropbox", _id("appKey", "App Key", "k40000000000a2m"), _secret("appSecret", "App Secret")
    ),
    _fields(
        "etsy", "Etsy", _id("keyString", "Keystring"), _secret("sharedSecret", "Shared Secret", "w70000004k")
    ),
    _fields(
        "facebook", "Facebook", _id("appId", "App ID", "418000000000233"), _secret("appSecret", "App Secret")
    ),
    _fields("figma", "Figma"),
    _fields(
        "fusionauth",
        "FusionAuth",
        None,
        None,
        _host("example.fusionauth.io", "fusionAuthDomain", needed=True),
    ),
    _fields(
        "github",
        "GitHub",
        _id(
            "clientId",
            "OAuth2 app Client ID, or App ID",
            "e4d87900000000540733",
            "Example of wrong value: 370006",
        ),
    ),
    _fields(
        "gitlab",
        "Gitlab",
        _id("applicationId", "Application ID"),
        _secret("secret", "Secret", "gloas-9a10000000000000000000000000000000000000"),
        Field("endpoint", "Endpoint", "https://gitlab.com", "", "url", "endpoint"),
    ),
    _fields(
        "google",
        "Google",
        _id(example="731000000000-8h2k000000000000000000000000.apps.googleusercontent.com"),
        _secret(example="GOCSPX-7Tq00000000000000000000000Lw"),
        Field("prompt", "Prompt", '["consent"]', "", "prompt", "prompt", choices=PROMPTS),
    ),
    _fields("huggingface", "HuggingFace"),
    _fields(
        "keycloak",
        "Keycloak",
        _id(example="example-app"),
        None,
        _host("keycloak.example.com", "keycloakDomain", needed=True),
        Field("realmName", "Realm name", "example-realm", older="keycloakRealm", needed=True),
    ),
    _fields("kick", "Kick"),
    _fields(
        "linkedin",
        "Linkedin",
        None,
        _secret("primaryClientSecret", "Primary Client Secret or Secondary Client Secret"),
    ),
    _fields(
        "microsoft",
        "Microsoft",
        _id(
            "applicationId",
            "Entra ID Application ID, also known as Client ID",
            "11112222-bbbb-3333-cccc-4444dddd5555",
        ),
        _secret("applicationSecret", "Entra ID Application Secret, also known as Client Secret"),
        Field("tenant", "Tenant", "common", older="tenantID", needed=True),
    ),
    _fields(
        "notion",
        "Notion",
        _id("oauthClientId", "OAuth Client ID"),
        _secret("oauthClientSecret", "OAuth Client Secret"),
    ),
    _fields(
        "oidc",
        "Oidc",
        None,
        None,
        Field(
            "wellKnownURL",
            "Well-known URL",
            "https://id.example.com/.well-known/openid-configuration",
            "",
            "url",
            "wellKnownEndpoint",
        ),
        Field(
            "authorizationURL",
            "Authorization URL",
            "https://id.example.com/oauth2/authorize",
            "",
            "url",
            "authorizationEndpoint",
        ),
        Field("tokenURL", "Token URL", "https://id.example.com/oauth2/token", "", "url", "tokenEndpoint"),
        Field(
            "userInfoURL",
            "User Info URL",
            "https://id.example.com/oauth2/userinfo",
            "",
            "url",
            "userInfoEndpoint",
        ),
        Field("prompt", "Prompt", '["consent"]', "", "prompt", "prompt", choices=OPENID_PROMPTS),
        Field("maxAge", "Max Age", "3600", "", "age", "maxAge"),
    ),
    _fields(
        "okta",
        "Okta",
        None,
        None,
        Field(
            "domain",
            "Domain",
            "trial-1234567.okta.com",
            "Example of wrong value: trial-1234567-admin.okta.com, or https://trial-1234567.okta.com/",
            "host",
            "oktaDomain",
            needed=True,
        ),
        Field(
            "authorizationServerId",
            "Authorization Server ID",
            "aus000000000000000k2c",
            older="authorizationServerId",
        ),
    ),
    _fields("paypal", "Paypal", None, _secret("secretKey", "Secret Key 1 or Secret Key 2")),
    _fields("paypalSandbox", "PaypalSandbox", None, _secret("secretKey", "Secret Key 1 or Secret Key 2")),
    _fields("podio", "Podio", _id(example="example-app")),
    _fields(
        "salesforce",
        "Salesforce",
        _id("customerKey", "Consumer Key"),
        _secret("customerSecret", "Consumer Secret"),
    ),
    _fields("slack", "Slack", _id(example="51000000032.70000000000041")),
    _fields("spotify", "Spotify"),
    _fields(
        "stripe",
        "Stripe",
        _id(example="ca_Rk20000000000000000000000000w9"),
        _secret("apiSecretKey", "API Secret Key"),
    ),
    _fields(
        "tradeshift",
        "Tradeshift",
        _id("oauth2ClientId", "OAuth2 Client ID"),
        _secret("oauth2ClientSecret", "OAuth2 Client Secret"),
    ),
    _fields(
        "tradeshiftBox",
        "TradeshiftSandbox",
        _id("oauth2ClientId", "OAuth2 Client ID"),
        _secret("oauth2ClientSecret", "OAuth2 Client Secret"),
    ),
    _fields("twitch", "Twitch"),
    _fields("wordpress", "WordPress", _id(example="142000")),
    _fields("x", "X", _id("customerKey", "Customer Key"), _secret("secretKey", "Secret Key")),
    _fields(
        "yahoo",
        "Yahoo",
        _id(label="Client ID, also known as Customer Key"),
        _secret(label="Client Secret, also known as Customer Secret"),
    ),
    _fields("yandex", "Yandex"),
    _fields("zoho", "Zoho", _id(example="1000.5F2000000000000000000000QT")),
    _fields("zoom", "Zoom"),
)

FIELDS: Final[Mapping[str, ProviderFields]] = {each.key: each for each in _ALL}
"""The fields of all providers with an operation of their own, by key."""

PLAIN_FIELDS: Final = ProviderFields("", "", _id(), _secret())
"""Those of providers that are set up in the older way only."""


def fields_of(key: str) -> ProviderFields:
    """The fields of a provider."""
    return FIELDS.get(key, PLAIN_FIELDS)
