"""What functions can be made of: runtimes, specifications, templates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from tidewire.core import models
from tidewire.core.checks.lists import Items
from tidewire.core.checks.numbers import Boolean, Whole
from tidewire.core.checks.texts import AnyCaseChoice, Text
from tidewire.core.errors import TidewireError
from tidewire.core.models import (
    RuntimeList,
    SpecificationList,
    TemplateFunction,
    TemplateFunctionList,
)
from tidewire.functions.contract import Runtime
from tidewire.functions.specifications import SPECIFICATIONS
from tidewire.services.context import Context
from tidewire.services.functions import operations

_USE_CASES: Final = ("starter", "databases", "ai", "messaging", "utilities", "dev-tools", "auth")


@operations.declare("listRuntimes", "GET", "/functions/runtimes", scopes=("public", "functions.read"))
async def list_runtimes(context: Context) -> RuntimeList:
    """List the runtimes that this machine has."""
    runtimes = [_runtime(each) for each in await context.engine.runtimes()] if context.engine else []
    return RuntimeList(total=len(runtimes), runtimes=runtimes)


@operations.declare("listSpecifications", "GET", "/functions/specifications", scopes=("functions.read",))
async def list_specifications(
    context: Context,  # noqa: ARG001
    type_: Annotated[str, AnyCaseChoice(("runtimes", "builds"))] = "runtimes",  # noqa: ARG001 - the same
) -> SpecificationList:
    """List how much of the machine a function may use."""
    listed = [
        models.Specification(memory=each.memory, cpus=each.cpus, enabled=True, slug=each.slug)
        for each in SPECIFICATIONS.values()
    ]
    return SpecificationList(total=len(listed), specifications=listed)


@operations.declare("listTemplates", "GET", "/functions/templates", scopes=("public",))
async def list_templates(
    context: Context,  # noqa: ARG001
    runtimes: Annotated[Sequence[str], Items(Text())] = (),  # noqa: ARG001
    use_cases: Annotated[Sequence[str], Items(AnyCaseChoice(_USE_CASES))] = (),  # noqa: ARG001
    limit: Annotated[int, Whole(1, 5000)] = 25,  # noqa: ARG001
    offset: Annotated[int, Whole(0, 5000)] = 0,  # noqa: ARG001
    total: Boolean = True,  # noqa: ARG001
) -> TemplateFunctionList:
    """List templates of functions: they lie on Git hosts, of which this server knows none."""
    return TemplateFunctionList(total=0, templates=[])


@operations.declare("getTemplate", "GET", "/functions/templates/{templateId}", scopes=("public",))
async def get_template(
    context: Context,  # noqa: ARG001
    template_id: Annotated[str, Text(1, 128)],  # noqa: ARG001
) -> TemplateFunction:
    """Get a template of a function: there are none."""
    raise TidewireError("function_template_not_found", "There are no templates of functions on this server.")


async def require_runtime(context: Context, key: str) -> None:
    """Refuse a runtime that this machine has not: ``function_runtime_unsupported``."""
    keys = [each.key for each in await context.engine.runtimes()] if context.engine else []
    if key not in keys:
        there = ", ".join(keys) or "none"
        raise TidewireError(
            "function_runtime_unsupported",
            f"This machine has no runtime {key[:64]!r}. It has: {there}.",
        )


def _runtime(runtime: Runtime) -> models.Runtime:
    shown: dict[str, Any] = {
        "id": runtime.key,
        "key": runtime.language,
        "name": runtime.name,
        "version": runtime.version,
        "base": "",
        "image": "",
        "logo": f"{runtime.language}.png",
        "supports": ["arm", "x86"],
    }
    return models.Runtime(**shown)
