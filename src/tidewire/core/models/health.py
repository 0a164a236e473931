"""Models of the health of an installation."""

from __future__ import annotations

import msgspec

from tidewire.core.models.base import Model, Page


class HealthStatus(Model, frozen=True, kw_only=True):
    """The result of one check."""

    name: str
    ping: int
    """Milliseconds that the check took."""
    status: str
    """``pass`` or ``fail``."""


class HealthStatusList(Page, frozen=True, kw_only=True):
    """The results of several checks of the same kind."""

    statuses: list[HealthStatus]


class HealthAntivirus(Model, frozen=True, kw_only=True):
    """The virus scanner of uploads."""

    version: str
    status: str
    """``disabled``, ``offline`` or ``online``."""


class HealthCertificate(Model, frozen=True, kw_only=True):
    """The certificate that a host shows."""

    name: str
    """Distinguished name of the subject."""
    subject_sn: str = msgspec.field(name="subjectSN")
    """Common name of the subject."""
    issuer_organisation: str
    valid_from: str
    """Seconds since the epoch."""
    valid_to: str
    """Seconds since the epoch."""
    signature_type_sn: str = msgspec.field(name="signatureTypeSN")
    """Algorithm of the signature."""


class HealthQueue(Model, frozen=True, kw_only=True):
    """How much is waiting or was given up."""

    size: int


class HealthTime(Model, frozen=True, kw_only=True):
    """The clock of this machine beside that of a time server; seconds since the epoch."""

    remote_time: int
    local_time: int
    diff: int
    """Seconds by which the local clock is ahead."""


class HealthVersion(Model, frozen=True, kw_only=True):
    """The version of this program."""

    version: str
