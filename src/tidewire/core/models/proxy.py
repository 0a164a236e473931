"""Models of rules: domains and what they lead to."""

from __future__ import annotations

from tidewire.core.models.base import Page, Resource


class ProxyRule(Resource, frozen=True, kw_only=True):
    """A domain that leads to a function, to the API of a project, or elsewhere."""

    domain: str
    type: str
    """``api``; ``deployment``: a function; or ``redirect``."""
    trigger: str
    """``manual``: somebody asked for it."""
    redirect_url: str
    """Where clients are sent; empty unless the rule redirects."""
    redirect_status_code: int
    """The code of HTTP that sends them."""
    deployment_id: str
    """The active deployment of the function."""
    deployment_resource_type: str | None
    """``function``, also of a rule that redirects, which ends with it; null for the API."""
    deployment_resource_id: str
    """Id of the function."""
    deployment_vcs_provider_branch: str
    status: str
    """``verified``: requests for the domain are answered; else ``unverified``."""
    logs: str
    """Why it is not verified."""
    renew_at: str
    """Always empty: certificates are the business of the proxy in front of the server."""


class ProxyRuleList(Page, frozen=True, kw_only=True):
    """A page of rules."""

    rules: list[ProxyRule]
