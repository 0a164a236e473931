"""Models of the web sites and apps that are registered on a project."""

from __future__ import annotations

from tidewire.core.models.base import Page, Resource


class _Platform(Resource, frozen=True, kw_only=True, tag_field="type"):
    name: str


class PlatformWeb(_Platform, frozen=True, kw_only=True, tag="web"):
    """A web site."""

    hostname: str
    key: str
    """Always empty; older clients expect the field."""


class PlatformApple(_Platform, frozen=True, kw_only=True, tag="apple"):
    """An app for systems of Apple."""

    bundle_identifier: str


class PlatformAndroid(_Platform, frozen=True, kw_only=True, tag="android"):
    """An app for Android."""

    application_id: str


class PlatformWindows(_Platform, frozen=True, kw_only=True, tag="windows"):
    """An app for Windows."""

    package_identifier_name: str


class PlatformLinux(_Platform, frozen=True, kw_only=True, tag="linux"):
    """An app for Linux."""

    package_name: str


class LegacyPlatform(Resource, frozen=True, kw_only=True):
    """A platform of any type, as clients expect it that know only one model of platforms."""

    name: str
    type: str
    hostname: str
    key: str


AnyPlatform = PlatformWeb | PlatformApple | PlatformAndroid | PlatformWindows | PlatformLinux
"""Told apart by ``type``."""


class PlatformList(Page, frozen=True, kw_only=True):
    """A page of platforms."""

    platforms: list[AnyPlatform]
