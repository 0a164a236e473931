"""Services that users can sign in with over OAuth2."""

from __future__ import annotations

from typing import Final

_KEYS: Final = """
amazon apple appwrite auth0 authentik autodesk bitbucket bitly box dailymotion discord disqus dropbox
etsy facebook figma fusionauth github gitlab google huggingface keycloak kick linkedin microsoft notion
oidc okta paypal paypalSandbox podio salesforce slack spotify stripe tradeshift tradeshiftBox twitch
wordpress x yahoo yammer yandex zoho zoom mock mock-unverified
"""
_NAMES: Final = {
    "bitbucket": "BitBucket",
    "fusionauth": "FusionAuth",
    "github": "GitHub",
    "gitlab": "GitLab",
    "huggingface": "Hugging Face",
    "linkedin": "LinkedIn",
    "oidc": "OpenID Connect",
    "paypal": "PayPal",
    "paypalSandbox": "PayPal Sandbox",
    "tradeshiftBox": "Tradeshift Sandbox",
    "wordpress": "WordPress",
    "mock-unverified": "MockUnverified",
}
"""Names that are not just the key with a capital letter."""

OAUTH_PROVIDERS: Final = {key: _NAMES.get(key, key.capitalize()) for key in _KEYS.split()}
"""Key to name, in the order in which they are listed."""
