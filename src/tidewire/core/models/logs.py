"""Models of what users did."""

from __future__ import annotations

from tidewire.core.models.base import Model


class Log(Model, frozen=True, kw_only=True):
    """One thing that a user did, and from where."""

    event: str
    user_id: str
    user_email: str
    user_name: str
    mode: str
    user_type: str
    ip: str
    time: str
    os_code: str
    os_name: str
    os_version: str
    client_type: str
    client_code: str
    client_name: str
    client_version: str
    client_engine: str
    client_engine_version: str
    device_name: str
    device_brand: str
    device_model: str
    country_code: str
    country_name: str


class LogList(Model, frozen=True, kw_only=True):
    """What a user did, the newest first."""

    total: int
    logs: list[Log]
