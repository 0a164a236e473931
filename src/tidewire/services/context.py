"""What an operation receives beside its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from tidewire.channels import Channels
from tidewire.core.identities import Caller
from tidewire.core.inspection import RealtimeInspector
from tidewire.core.locales import DEFAULT_LOCALE
from tidewire.core.redirection import Browser
from tidewire.functions.contract import Engine
from tidewire.pictures.pictures import Pictures
from tidewire.screenshots.screenshots import Screenshots
from tidewire.services.geoip import GeoIp
from tidewire.services.large_results import HeldResults
from tidewire.services.passwords import PasswordHasher
from tidewire.settings import Settings
from tidewire.store.engine.database import Database
from tidewire.store.instance.instance import CONSOLE_PROJECT_ID, Instance, Project
from tidewire.store.objects.storage import ObjectStorage
from tidewire.store.secrets.encryption import Encryption


class Client(msgspec.Struct, frozen=True):
    """The program at the other end of the request."""

    ip: str
    user_agent: str
    from_this_machine: bool = False
    """Somebody at the server itself, not through a proxy."""
    is_cli: bool = False
    """Whether it says that it is the command line."""
    sign_up_code: str = ""
    """What it shows to make the console's first account."""


class StartedSession(msgspec.Struct, frozen=True):
    """A login made by this request; the wire turns it into cookies and headers."""

    value: str
    """Encoded session as clients keep it: base64 of ``{"id", "secret"}``."""
    expires: int
    """Milliseconds since the epoch."""


class Context(msgspec.Struct, eq=False):
    """One request: the project it is for, who makes it, and the parts it may use."""

    project: Project
    caller: Caller
    client: Client
    database: Database
    """The database of the project."""
    objects: ObjectStorage
    """The objects of the project."""
    passwords: PasswordHasher
    jwt_secret: bytes
    settings: Settings
    instance: Instance
    """Everything that is open; for what is kept of projects outside their own databases."""
    held: HeldResults | None = None
    """What counts the bytes of large results; None: nothing does."""
    channels: Channels | None = None
    """Custom channels; None if there are none here."""
    engine: Engine | None = None
    """Builds and runs functions; None: nothing does here."""
    realtime: RealtimeInspector | None = None
    """The realtime part of this process; None if there is none."""
    pictures: Pictures | None = None
    """Makes and keeps pictures; None if nothing does here."""
    screenshots: Screenshots | None = None
    """Takes screenshots of pages; None if nothing does here."""
    browser: Browser | None = None
    """The browser that follows a link; None where the operation answers otherwise than with a redirection."""
    locale: str = DEFAULT_LOCALE
    """Language that the client asks for, one of :data:`tidewire.core.locales.LOCALE_CODES`."""
    geoip: GeoIp = msgspec.field(default_factory=GeoIp)
    """Tells where clients are."""
    requested_at: int | None = None
    """When the client last knew what it changes, milliseconds since the epoch; None: it does not say."""
    session_started: StartedSession | None = None
    session_ended: bool = False
    """The current session was deleted; the client should forget it."""
    cache_hit: bool | None = None
    """Whether the answer had been kept since an earlier request; None: the client did not ask for that."""
    selected: frozenset[str] | None = None
    """Fields to be shown of what the answer lists, beside those of the system; None: all of them."""
    shows_related: bool = False
    """Documents come with those related to them where nothing is selected, as programs before 1.8 expect."""
    protocol: Literal["rest", "graphql"] = "rest"
    """How the operation is called."""
    wants_form: bool = False
    """The client takes an answer as ``multipart/form-data``."""
    form: Mapping[str, object] | None = None
    """Set by an operation that answers in that way: values by name; bytes are sent as they are."""
    status: int | None = None
    """Set by an operation that succeeded otherwise than by its declared status."""

    @property
    def project_name(self) -> str:
        """What messages to people call the project; the console goes by the name of the platform."""
        return self.settings.platform_name if self.project.id == CONSOLE_PROJECT_ID else self.project.name

    @property
    def encryption(self) -> Encryption:
        """Seals what is secret and needed again in clear."""
        return self.instance.encryption
