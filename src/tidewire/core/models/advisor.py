"""Models of reports, and of what they found."""

from __future__ import annotations

from typing import Any

from tidewire.core.models.base import Model, Page, Resource


class InsightCTA(Model, frozen=True, kw_only=True):
    """An operation that would help."""

    label: str
    service: str
    method: str
    params: dict[str, Any]


class Insight(Resource, frozen=True, kw_only=True):
    """Something that a report found."""

    report_id: str
    type: str
    severity: str
    status: str
    resource_type: str
    resource_id: str
    parent_resource_type: str
    parent_resource_id: str
    title: str
    summary: str
    ctas: list[InsightCTA]
    analyzed_at: str | None
    dismissed_at: str | None
    dismissed_by: str | None


class InsightList(Page, frozen=True, kw_only=True):
    """A page of what a report found."""

    insights: list[Insight]


class Report(Resource, frozen=True, kw_only=True):
    """What an analysis of the project found."""

    app_id: str
    type: str
    title: str
    summary: str
    target_type: str
    target: str
    categories: list[str]
    insights: list[Insight]
    analyzed_at: str | None


class ReportList(Page, frozen=True, kw_only=True):
    """A page of reports."""

    reports: list[Report]
