"""The advisor: reports of analyses. Nothing analyses projects here, so there are none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from tidewire.core.checks.lists import QueryList
from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.numbers import Boolean
from tidewire.core.errors import TidewireError
from tidewire.core.models import Insight, InsightList, Report, ReportList
from tidewire.core.operations import Operations
from tidewire.core.rate_limits import RateLimit
from tidewire.services.context import Context
from tidewire.services.paging import require_queries

operations: Final = Operations("advisor")

_RESOURCE: Final = ("$id", "$createdAt", "$updatedAt", "$sequence")
_REPORTS: Final = ("appId", "type", "targetType", "target", "analyzedAt", *_RESOURCE)
_INSIGHTS: Final = (
    "type", "severity", "status", "resourceType", "resourceId", "parentResourceType", "parentResourceId",
    "analyzedAt", "dismissedAt", "dismissedBy", *_RESOURCE,
)  # fmt: skip


@operations.declare("listReports", "GET", "/reports", scopes=("reports.read",))
async def list_reports(
    context: Context,  # noqa: ARG001
    queries: Annotated[Sequence[str], QueryList(_REPORTS)] = (),
    total: Boolean = True,  # noqa: ARG001
) -> ReportList:
    """List the reports on the project: there are none."""
    require_queries(queries, _REPORTS)
    return ReportList(total=0, reports=[])


@operations.declare("getReport", "GET", "/reports/{reportId}", scopes=("reports.read",))
async def get_report(context: Context, report_id: ResourceId) -> Report:  # noqa: ARG001
    """Get a report on the project."""
    raise _not_found()


@operations.declare(
    "deleteReport",
    "DELETE",
    "/reports/{reportId}",
    scopes=("reports.write",),
    event="reports.[reportId].delete",
    limit=RateLimit(60, 60, ("projectId:{projectId},userId:{userId}",)),
)
async def delete_report(context: Context, report_id: ResourceId) -> None:  # noqa: ARG001
    """Delete a report on the project."""
    raise _not_found()


@operations.declare("listInsights", "GET", "/reports/{reportId}/insights", scopes=("insights.read",))
async def list_insights(
    context: Context,  # noqa: ARG001
    report_id: ResourceId,  # noqa: ARG001
    queries: Annotated[Sequence[str], QueryList(_INSIGHTS)] = (),
    total: Boolean = True,  # noqa: ARG001
) -> InsightList:
    """List what a report found."""
    require_queries(queries, _INSIGHTS)
    raise _not_found()


@operations.declare(
    "getInsight", "GET", "/reports/{reportId}/insights/{insightId}", scopes=("insights.read",)
)
async def get_insight(context: Context, report_id: ResourceId, insight_id: ResourceId) -> Insight:  # noqa: ARG001
    """Get something that a report found."""
    raise _not_found()


def _not_found() -> TidewireError:
    return TidewireError("report_not_found", "There is no such report: nothing analyses projects here.")
