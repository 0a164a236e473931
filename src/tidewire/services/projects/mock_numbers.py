"""All mock phones of a project in one call, as older clients set them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import msgspec

from tidewire.core import models
from tidewire.core.checks.addresses import Phone
from tidewire.core.checks.lists import Items
from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.texts import Digits
from tidewire.core.errors import TidewireError
from tidewire.core.parameters import Check, InvalidParameterError
from tidewire.core.project_settings import MAX_MOCK_NUMBERS, MockNumber
from tidewire.core.time import now
from tidewire.services.context import Context
from tidewire.services.project.records import project_of
from tidewire.services.projects import operations
from tidewire.services.projects.access import find_accessible_project
from tidewire.store.instance.instance import Project


@dataclass(frozen=True)
class PhoneWithOtp(Check):
    """An object with a phone number and its one-time password; the operation receives the pair."""

    json_type = "object"
    phone: ClassVar[Check] = Phone()
    otp: ClassVar[Check] = Digits(6, 6)

    def convert(self, value: object) -> tuple[object, object]:
        if not isinstance(value, dict) or not {"phone", "otp"} <= value.keys():
            raise InvalidParameterError("Each element must be an object with the texts phone and otp.")
        return self.phone.convert(value["phone"]), self.otp.convert(value["otp"])

    def schema(self) -> dict[str, object]:
        properties = {"phone": self.phone.schema(), "otp": self.otp.schema()}
        return {"type": "object", "properties": properties, "required": ["phone", "otp"]}


@operations.declare(
    "updateMockNumbersLegacy", "PATCH", "/projects/{projectId}/auth/mock-numbers", scopes=("projects.write",)
)
async def update_mock_numbers_legacy(
    context: Context,
    project_id: ResourceId,
    numbers: Annotated[Sequence[tuple[str, str]], Items(PhoneWithOtp(), MAX_MOCK_NUMBERS)],
) -> models.Project:
    """Replace the mock phones of a project."""
    if len(dict(numbers)) < len(numbers):
        raise TidewireError("general_bad_request", "A phone number may be listed only once.")
    project = await find_accessible_project(context, project_id, "projects.write")

    def change(current: Project) -> Project:
        known = {each.number: each for each in current.settings.mock_numbers}
        mocks = tuple(_mock_number(known.get(number), number, otp) for number, otp in numbers)
        return replace(current, settings=msgspec.structs.replace(current.settings, mock_numbers=mocks))

    return project_of(await context.instance.update_project(project.id, change))


def _mock_number(known: MockNumber | None, number: str, otp: str) -> MockNumber:
    if known is not None and known.otp == otp:
        return known
    moment = now()
    created = known.created_at if known is not None else moment
    return MockNumber(number=number, otp=otp, created_at=created, updated_at=moment)
