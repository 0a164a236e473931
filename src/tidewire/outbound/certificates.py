"""The certificate that an https server shows."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID, ObjectIdentifier

from tidewire.outbound.guard import ForbiddenAddressError, Guard

_RSA: Final = "1.2.840.113549.1.1."
_ECDSA: Final = "1.2.840.10045.4."


class NoCertificateError(Exception):
    """A host that shows no certificate; the text says why."""


@dataclass(frozen=True)
class ShownCertificate:
    """What stands in a certificate."""

    name: str
    """The whole subject, as ``/CN=example.com``."""
    common_name: str
    issuer_organisation: str
    valid_from: int
    """Seconds since the epoch."""
    valid_to: int
    signature: str
    """Algorithm, as ``RSA-SHA256``."""


async def shown_certificate(host: str, port: int, guard: Guard, seconds: float) -> ShownCertificate:
    """Ask a server for its certificate, valid or not. Raises :class:`NoCertificateError`."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        async with asyncio.timeout(seconds):
            address = (await guard.addresses(host, port))[0]
            _, writer = await asyncio.open_connection(address, port, ssl=context, server_hostname=host)
    except TimeoutError:
        raise NoCertificateError(f"{host} does not answer") from None
    except (OSError, ForbiddenAddressError, ValueError) as error:
        raise NoCertificateError(f"{host} shows no certificate: {error}") from None
    try:
        encoded = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    if not encoded:
        raise NoCertificateError(f"{host} shows no certificate")
    return _read(encoded)


def _read(encoded: bytes) -> ShownCertificate:
    try:
        certificate = x509.load_der_x509_certificate(encoded)
        subject, issuer = certificate.subject, certificate.issuer
    except ValueError as error:
        raise NoCertificateError(f"the certificate cannot be read: {error}") from None
    return ShownCertificate(
        name="".join(f"/{part.rfc4514_string()}" for part in subject.rdns),
        common_name=_attribute(subject, NameOID.COMMON_NAME),
        issuer_organisation=_attribute(issuer, NameOID.ORGANIZATION_NAME),
        valid_from=int(certificate.not_valid_before_utc.timestamp()),
        valid_to=int(certificate.not_valid_after_utc.timestamp()),
        signature=_signature(certificate),
    )


def _attribute(name: x509.Name, wanted: ObjectIdentifier) -> str:
    found = name.get_attributes_for_oid(wanted)
    return str(found[0].value) if found else ""


def _signature(certificate: x509.Certificate) -> str:
    algorithm = certificate.signature_algorithm_oid.dotted_string
    digest = certificate.signature_hash_algorithm
    if digest is not None and algorithm.startswith(_RSA):
        return f"RSA-{digest.name.upper()}"
    if digest is not None and algorithm.startswith(_ECDSA):
        return f"ecdsa-with-{digest.name.upper()}"
    return algorithm
