"""Mock phones: numbers that get no message, whose one-time password is always the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Final

import msgspec

from tidewire.core import models
from tidewire.core.checks.addresses import PhoneNumber
from tidewire.core.checks.lists import QueryList
from tidewire.core.checks.numbers import Boolean
from tidewire.core.checks.texts import Digits
from tidewire.core.errors import TidewireError
from tidewire.core.models import MockNumberList
from tidewire.core.project_settings import MAX_MOCK_NUMBERS, MockNumber, ProjectSettings
from tidewire.core.time import now
from tidewire.services.answers import shown
from tidewire.services.context import Context
from tidewire.services.paging import page_of
from tidewire.services.project import operations
from tidewire.services.project.records import change_settings, managed_project
from tidewire.services.publishing import event_of

MOCK_PHONE_CREATED: Final = "mock-phones.[number].create"
MOCK_PHONE_UPDATED: Final = "mock-phones.[number].update"
MOCK_PHONE_DELETED: Final = "mock-phones.[number].delete"

Otp = Annotated[str, Digits(6, 6)]
Numbers = dict[str, MockNumber]


@operations.declare(
    "createMockPhone",
    "POST",
    "/project/mock-phones",
    scopes=("mocks.write",),
    status=201,
    event=MOCK_PHONE_CREATED,
)
async def create_mock_phone(context: Context, number: PhoneNumber, otp: Otp) -> models.MockNumber:
    """Add a mock phone."""
    moment = now()
    created = MockNumber(number=number, otp=otp, created_at=moment, updated_at=moment)

    def change(numbers: Numbers) -> None:
        if number in numbers:
            raise TidewireError("mock_number_already_exists", "The project has this mock phone already.")
        if len(numbers) >= MAX_MOCK_NUMBERS:
            raise TidewireError(
                "mock_number_limit_exceeded", f"A project has at most {MAX_MOCK_NUMBERS} mock phones."
            )
        numbers[number] = created

    return await _change(context, change, MOCK_PHONE_CREATED, created)


@operations.declare("listMockPhones", "GET", "/project/mock-phones", scopes=("mocks.read",))
async def list_mock_phones(
    context: Context,
    queries: Annotated[Sequence[str], QueryList((), ("limit", "offset"))] = (),
    total: Boolean = True,
) -> MockNumberList:
    """List the mock phones of the project."""
    numbers = managed_project(context).settings.mock_numbers
    return MockNumberList(
        total=len(numbers) if total else 0,
        mock_numbers=[mock_number_of(each) for each in page_of(numbers, queries)],
    )


@operations.declare("getMockPhone", "GET", "/project/mock-phones/{number}", scopes=("mocks.read",))
async def get_mock_phone(context: Context, number: PhoneNumber) -> models.MockNumber:
    """Get a mock phone."""
    return mock_number_of(_find(_by_number(managed_project(context).settings), number))


@operations.declare(
    "updateMockPhone",
    "PUT",
    "/project/mock-phones/{number}",
    scopes=("mocks.write",),
    event=MOCK_PHONE_UPDATED,
)
async def update_mock_phone(context: Context, number: PhoneNumber, otp: Otp) -> models.MockNumber:
    """Change the one-time password of a mock phone."""
    current = _find(_by_number(managed_project(context).settings), number)
    updated = msgspec.structs.replace(current, otp=otp, updated_at=now())

    def change(numbers: Numbers) -> None:
        _find(numbers, number)
        numbers[number] = updated

    return await _change(context, change, MOCK_PHONE_UPDATED, updated)


@operations.declare(
    "deleteMockPhone",
    "DELETE",
    "/project/mock-phones/{number}",
    scopes=("mocks.write",),
    event=MOCK_PHONE_DELETED,
)
async def delete_mock_phone(context: Context, number: PhoneNumber) -> None:
    """Remove a mock phone."""
    current = _find(_by_number(managed_project(context).settings), number)

    def change(numbers: Numbers) -> None:
        _find(numbers, number)
        del numbers[number]

    await _change(context, change, MOCK_PHONE_DELETED, current)


def mock_number_of(number: MockNumber) -> models.MockNumber:
    """The mock phone as the API shows it."""
    return shown(models.MockNumber, number)


async def _change(
    context: Context, change: Callable[[Numbers], None], pattern: str, about: MockNumber
) -> models.MockNumber:
    def changed(settings: ProjectSettings) -> ProjectSettings:
        numbers = _by_number(settings)
        change(numbers)
        return msgspec.structs.replace(settings, mock_numbers=tuple(numbers.values()))

    changed_number = mock_number_of(about)
    # Whoever knows the password of a mock phone can sign in with it.
    without = msgspec.structs.replace(changed_number, otp="")
    told = event_of(context, pattern, {"number": about.number}, without)
    await change_settings(context, changed, lambda _: told)
    return changed_number


def _by_number(settings: ProjectSettings) -> Numbers:
    return {each.number: each for each in settings.mock_numbers}


def _find(numbers: Numbers, number: str) -> MockNumber:
    if number not in numbers:
        raise TidewireError("mock_number_not_found", "The project has no such mock phone.")
    return numbers[number]
