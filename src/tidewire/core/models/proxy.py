"""Models of rules: domains and what they lead to."""

from __future__ import annotations

from tidewire.core.models.base import Page, Resource


class ProxyRule(Resource, frozen=True, kw_only=True):
    """A domain that leads to a function, or to the API of a project."""

    domain: str
    type: str
    """``api``, or ``deployment``: a function."""
    trigger: str
    """``manual``: somebody asked for it."""
    redirect_url: str
    """Always empty: no rule redirects."""
    redirect_status_code: int
    deployment_id: str
    """The active deployment of the function."""
    deployment_resource_type: str | None
    """``function``; null for the API."""
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
