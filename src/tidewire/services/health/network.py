"""Checks against other machines: the clock, certificates."""

from __future__ import annotations

import time
from typing import Annotated, Final

from tidewire.core.checks.addresses import PublicDomain
from tidewire.core.errors import TidewireError
from tidewire.core.models import HealthCertificate, HealthTime
from tidewire.outbound.certificates import NoCertificateError, shown_certificate
from tidewire.outbound.clock import NoTimeError, remote_time
from tidewire.outbound.guard import Guard
from tidewire.services.context import Context
from tidewire.services.health import operations

SECONDS: Final = 5.0
"""Seconds that another machine may take to answer."""
_HTTPS: Final = 443


@operations.declare("getTime", "GET", "/health/time", scopes=("health.read",))
async def get_time(context: Context) -> HealthTime:
    """Compare the clock with the time server of the settings."""
    try:
        remote = await remote_time(context.settings.health_time_server, SECONDS)
    except NoTimeError as error:
        raise TidewireError("general_server_error", str(error)) from None
    local = time.time()
    return HealthTime(remote_time=round(remote), local_time=round(local), diff=round(local - remote))


@operations.declare("getCertificate", "GET", "/health/certificate", scopes=("health.read",))
async def get_certificate(
    context: Context,  # noqa: ARG001 - every operation has one
    domain: Annotated[str, PublicDomain()] | None = None,
) -> HealthCertificate:
    """Get the certificate that a domain shows to browsers, if it has not expired."""
    if domain is None:
        raise TidewireError("health_invalid_host", "Name the domain whose certificate is to be checked.")
    try:
        shown = await shown_certificate(domain, _HTTPS, Guard(allow_private=False), SECONDS)
    except NoCertificateError as error:
        raise TidewireError("health_invalid_host", f"{error}.") from None
    if shown.valid_to < time.time():
        raise TidewireError("health_certificate_expired", f"The certificate of {domain} has expired.")
    return HealthCertificate(
        name=shown.name,
        subject_sn=shown.common_name,
        issuer_organisation=shown.issuer_organisation,
        valid_from=str(shown.valid_from),
        valid_to=str(shown.valid_to),
        signature_type_sn=shown.signature,
    )
