"""Stages of a project's onboarding: what people do first in a project, each by an operation of the SDKs."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

_NAMES: Final = """
    project.createWebPlatform project.createAndroidPlatform project.createApplePlatform
    project.createWindowsPlatform project.createLinuxPlatform project.createKey
    users.create account.create account.createAnonymousSession teams.create
    tablesDB.create tablesDB.createTable tablesDB.createRow
    documentsDB.create documentsDB.createCollection documentsDB.createDocument
    databases.create databases.createCollection databases.createDocument
    mysql.create postgresql.create mongo.create
    storage.createBucket storage.createFile
    functions.create functions.createDeployment functions.createTemplateDeployment
    functions.createVcsDeployment functions.updateFunctionDeployment
    messaging.createTopic messaging.createMailgunProvider messaging.createSendgridProvider
    messaging.createSesProvider messaging.createResendProvider messaging.createSmtpProvider
    messaging.createSMTPProvider messaging.createMsg91Provider messaging.createTelesignProvider
    messaging.createTextmagicProvider messaging.createTwilioProvider messaging.createVonageProvider
    messaging.createFcmProvider messaging.createFCMProvider messaging.createApnsProvider
    messaging.createAPNSProvider
    sites.create sites.createDeployment sites.createTemplateDeployment sites.createVcsDeployment
    sites.updateSiteDeployment
"""

STAGES: Final = tuple(_NAMES.split())
"""The ids of all stages: the names of the operations whose first success completes them."""

StageStatus = Literal["completed", "skipped"]


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """A stage that is over."""

    status: StageStatus
    at: int
    """Since when, in milliseconds since the epoch."""
    actor_type: str
    """Who did it: ``guest``, ``user``, ``admin``, ``keyProject`` or ``keyOrganization``."""
