"""Operations that clients know and that are not built here: what they are of, who may call them, what to do.

They are no operations: they stand in no list, and nothing of a call is read. A call is looked at for what is
switched off and for its scope, as others are, and is then told that there is no such thing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tidewire.core.errors import TidewireError


@dataclass(frozen=True)
class Unbuilt:
    """Operations that are not built, by the paths that they are at."""

    service: str
    """As it can be switched off."""
    what: str
    """What there is not."""
    instead: str
    """What one can do."""
    paths: tuple[str, ...]
    """Below ``/v1``; ``*`` is any segment, ``**`` at the end anything below, or nothing. A method may stand
    in front."""
    scope: str = ""
    """What a caller needs: for reading with ``.read``, else with ``.write`` behind it, unless it has a dot
    itself; empty: nothing."""

    def scope_for(self, method: str) -> str:
        """The scope that a caller needs; empty if none."""
        method = "GET" if method == "HEAD" else method
        if not self.scope or "." in self.scope:
            return self.scope
        return f"{self.scope}.read" if method == "GET" else f"{self.scope}.write"

    def error(self) -> TidewireError:
        """What a caller is told."""
        return TidewireError("general_not_implemented", f"Tidewire has no {self.what}. {self.instead}")


_SITES: Final = "Serve your pages by a web server, or by a function with a domain."
_CODE_HOSTS: Final = "Upload the code of a function as an archive (functions.createDeployment)."
_MIGRATIONS: Final = (
    "Copy by the SDKs, or import and export tables by `tidewire tables`; `tidewire backup` copies everything."
)
_ENGINES: Final = "Use TablesDB, DocumentsDB or VectorsDB, which need no database server."
_PASSKEYS: Final = "Let people sign in by password, link or code, with a second factor if they wish."
_APPS: Final = "Give other programs an API key, or people's JWTs."
_CONSOLE: Final = "Call the same for the team: an organisation is a team of the console."
_OF_SERVERS: Final = ("failovers", "migrations", "operations", "replicas", "status")
_DATABASE_SERVERS: Final = "Databases here are files of this server; see the health service and the metrics."

UNBUILT: Final = (
    Unbuilt("sites", "sites", _SITES, ("/sites/frameworks", "/sites/templates/**")),
    Unbuilt("sites", "sites", _SITES, ("/sites/*/logs/**",), "log"),
    Unbuilt("sites", "sites", _SITES, ("/sites/**",), "sites"),
    Unbuilt("proxy", "sites", _SITES, ("POST /proxy/rules/site",), "rules"),
    Unbuilt("vcs", "connections to code hosts", _CODE_HOSTS, ("/vcs/*/callback", "/vcs/*/events")),
    Unbuilt("vcs", "connections to code hosts", _CODE_HOSTS, ("/vcs/**",), "vcs"),
    Unbuilt("migrations", "migrations", _MIGRATIONS, ("/migrations/*/report",), "migrations.write"),
    Unbuilt("migrations", "migrations", _MIGRATIONS, ("/migrations/**",), "migrations"),
    Unbuilt(
        "console", "assistant", "Ask in the documentation.", ("POST /console/assistant",), "assistant.read"
    ),
    Unbuilt("mysql", "MySQL servers", _ENGINES, ("/mysql/**",)),
    Unbuilt("postgresql", "PostgreSQL servers", _ENGINES, ("/postgresql/**",)),
    Unbuilt("mongo", "MongoDB servers", _ENGINES, ("/mongo/**",)),
    *(
        Unbuilt(
            service,
            "database servers to look after",
            _DATABASE_SERVERS,
            tuple(f"/{service}/*/{each}/**" for each in _OF_SERVERS),
        )
        for service in ("tablesdb", "documentsdb", "vectorsdb")
    ),
    Unbuilt("backups", "backups by the API", "Use `tidewire backup` on the server.", ("/backups/**",)),
    Unbuilt(
        "domains", "trade in domains", "Add a domain that you own by proxy.createAPIRule.", ("/domains/**",)
    ),
    Unbuilt("waf", "rules of a firewall", "Put a firewall in front of the server.", ("/waf/**",)),
    Unbuilt(
        "proxy",
        "cache of answers, or domains for mail,",
        "Put a proxy in front of the server.",
        ("POST /proxy/invalidations", "POST /proxy/rules/smtp"),
    ),
    Unbuilt(
        "activities",
        "lists of what was done by whom",
        "Subscribe a webhook, or read realtime.listEvents.",
        ("/activities/**",),
    ),
    Unbuilt("apps", "apps that others install", _APPS, ("/apps/**", "/teams/*/installations/**")),
    Unbuilt(
        "oauth2",
        "OAuth2 server of its own",
        _APPS,
        ("/oauth2/**", "PUT /project/oauth2-server", "/account/consents/**"),
    ),
    Unbuilt(
        "account",
        "passkeys",
        _PASSKEYS,
        ("/account/passkeys/**", "/account/tokens/passkey", "PATCH /project/policies/passkey"),
    ),
    Unbuilt("users", "passkeys", _PASSKEYS, ("/users/*/passkeys/**",)),
    Unbuilt(
        "account",
        "verification and recovery by code",
        "Send a link instead (createEmailVerification, createRecovery).",
        ("/account/verifications/email/otp", "/account/recovery/otp"),
    ),
    Unbuilt(
        "account",
        "list of memberships by the account",
        "List the teams (teams.list), and the members of each (teams.listMemberships).",
        ("GET /account/memberships",),
    ),
    Unbuilt(
        "avatars",
        "photos of its own",
        "Store pictures of people in a bucket.",
        ("PUT /avatars/photo", "DELETE /avatars/photo"),
    ),
    Unbuilt(
        "projects",
        "schedules apart from what they are for",
        "Set `schedule` of a function, or `scheduledAt` of an execution or a message.",
        ("/projects/*/schedules/**",),
        "projects.read",
    ),
    Unbuilt(
        "project",
        "such policy on addresses",
        "Users tell what their address is (emailIsFree, emailIsDisposable …): a function that is called by"
        " `users.*.create` can block them.",
        tuple(
            f"PATCH /project/policies/deny-{kind}-email"
            for kind in ("aliased", "corporate", "disposable", "free")
        ),
    ),
    Unbuilt(
        "project",
        "environments",
        "Make a project for each of them.",
        ("/project/environments/**",),
    ),
    Unbuilt(
        "project",
        "such policy on passwords",
        "Ask for strong passwords (updatePasswordStrengthPolicy), and refuse common ones and earlier ones.",
        ("PATCH /project/policies/password-pwned", "PATCH /project/policies/password-rotation"),
    ),
    Unbuilt(
        "organization",
        "such operation on organisations",
        _CONSOLE,
        (
            "GET /organization",
            "PUT /organization",
            "DELETE /organization",
            "/organization/keys/**",
            "/organization/memberships/**",
            "/organization/installations/**",
            "/organization/projects/*/keys/**",
        ),
    ),
    Unbuilt(
        "messaging",
        "push service of its own",
        "Use providers for FCM and APNS.",
        ("/messaging/providers/appwrite/**",),
    ),
)
"""The first that fits counts."""

UNBUILT_SERVICES: Final = frozenset({"migrations", "sites", "vcs"})
"""Services that can be switched off though nothing of them is built."""


def unbuilt(method: str, path: str) -> Unbuilt | None:
    """What a request for a path below ``/v1`` is about, if that is known and not built."""
    method = "GET" if method == "HEAD" else method
    segments = path.removesuffix("/").split("/")[1:]
    for row, wanted, pattern in _PATTERNS:
        if wanted in {"", method} and _fits(pattern, segments):
            return row
    return None


def _fits(pattern: list[str], segments: list[str]) -> bool:
    below = pattern[-1] == "**"
    fixed = pattern[:-1] if below else pattern
    if len(segments) < len(fixed) or (len(segments) > len(fixed) and not below):
        return False
    return all(each in {"*", given} for each, given in zip(fixed, segments, strict=False))


def _patterns() -> Iterator[tuple[Unbuilt, str, list[str]]]:
    for row in UNBUILT:
        for path in row.paths:
            method, _, template = path.rpartition(" ")
            yield row, method, template.split("/")[1:]


_PATTERNS: Final = tuple(_patterns())
