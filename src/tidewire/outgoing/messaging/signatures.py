"""Signatures of requests to AWS (Signature Version 4)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import reduce
from urllib.parse import urlsplit


def aws_headers(
    url: str,
    headers: Sequence[tuple[str, str]],
    body: bytes,
    access_key: str,
    secret_key: str,
    region: str,
    service: str,
    moment: datetime | None = None,
) -> list[tuple[str, str]]:
    """The headers of a POST without query, signed, at a ``moment`` (now)."""
    stamp = (moment or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    parts = urlsplit(url)
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    signed = {name.lower(): value.strip() for name, value in headers} | {
        "host": parts.netloc,
        "x-amz-date": stamp,
    }
    names = ";".join(sorted(signed))
    canonical = "\n".join(
        [
            "POST",
            parts.path or "/",
            "",
            *(f"{name}:{signed[name]}" for name in sorted(signed)),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        ]
    )
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = reduce(_mac, scope.split("/"), b"AWS4" + secret_key.encode())
    signature = _mac(key, text).hex()
    authorization = (
        f"AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return [*headers, ("X-Amz-Date", stamp), ("Authorization", authorization)]


def _mac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
