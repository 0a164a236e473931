"""Settings: typed, from flags, environment and an optional file; each stands here once."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args, get_origin

import msgspec
from msgspec import Meta

from tidewire.core.forwarding import parse_hops
from tidewire.core.text_message_providers import parse_provider

ENVIRONMENT_PREFIX: Final = "TIDEWIRE_"
_OTHER_VARIABLES: Final = frozenset(
    {"TIDEWIRE_CONFIG", "TIDEWIRE_ENDPOINT", "TIDEWIRE_KEY", "TIDEWIRE_PROJECT", "TIDEWIRE_SESSION"}
)
"""Those of the command line."""

Bytes = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(ge=0)]
PositiveSeconds = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=1)]


class SettingsError(Exception):
    """A setting that cannot be used; the text is one line that names it and its source."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set. The documentation table is generated from these fields."""

    host: Annotated[str, Meta(description="Address to listen on.", min_length=1)] = "127.0.0.1"
    port: Annotated[int, Meta(description="Port to listen on; 0 picks a free one.", ge=0, le=65535)] = 8090
    data_dir: Annotated[
        str, Meta(description="Directory of databases, files and secrets; created if missing.", min_length=1)
    ] = "tidewire-data"
    workers: Annotated[
        int, Meta(description="Processes that serve, all on the same port and data directory.", ge=1, le=64)
    ] = 1
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="Least severe log lines written.")
    ] = "info"
    demo: Annotated[
        bool,
        Meta(description="Serve the demo page at `/`, with a bucket `demo` that everybody may write to."),
    ] = False
    hostnames: Annotated[
        list[str],
        Meta(description="Host names of this server; pages served from them may call it from a browser."),
    ] = msgspec.field(default_factory=lambda: ["localhost"])
    secret_key: Annotated[
        str,
        Meta(
            description="Signs JSON Web Tokens instead of the generated secret; at least 32 characters.",
            extra={"secret": True},
        ),
    ] = ""
    console_signup: Annotated[
        Literal["first", "localhost", "open"],
        Meta(
            description="Who may sign up for the console: `first` the first person, from this computer or "
            "with the code that `serve` prints, `localhost` that one from this computer only, `open` "
            "everybody. Invitations always work."
        ),
    ] = "first"
    console_session_alerts: Annotated[
        bool, Meta(description="Tell people of the console by mail when they sign in on a further device.")
    ] = False
    trusted_proxies: Annotated[
        bool,
        Meta(
            description="Believe `X-Forwarded-For` and `X-Forwarded-Proto`; set only behind your own proxy."
        ),
    ] = False
    trusted_hops: Annotated[
        list[str],
        Meta(
            description="With `trusted_proxies`: how many proxies stand one behind the other, a CDN counted "
            "(`2`), or their addresses and networks (`10.0.0.0/8,2001:db8::/32`)."
        ),
    ] = msgspec.field(default_factory=lambda: ["1"])
    drain_seconds: Annotated[
        Seconds,
        Meta(description="On shutdown, seconds over which connections are closed (1012) and requests end."),
    ] = 5.0

    synchronous: Annotated[
        Literal["full", "normal"],
        Meta(description="SQLite durability: `full` survives a power cut, `normal` a crash of the process."),
    ] = "full"
    network_file_systems: Annotated[
        bool,
        Meta(
            description="Use a data directory on a network file system (NFS, SMB, Ceph) all the same; only "
            "one machine may ever use it."
        ),
    ] = False
    disk_reserve_bytes: Annotated[
        int,
        Meta(
            description="Bytes of the disk kept free for deleting: when no more are left, other writes are "
            "refused with 507. At most a twentieth of the disk; 0: none.",
            ge=0,
        ),
    ] = 64 * 1024 * 1024
    trash_max_age: Annotated[
        Count,
        Meta(
            description="Seconds that objects which no row refers to stay in the trash of object storage "
            "(`objects/.trash`) before they are deleted."
        ),
    ] = 7 * 24 * 3600
    event_log_max_age: Annotated[
        Count, Meta(description="Seconds that events stay in the log and can be recovered.")
    ] = 7 * 24 * 3600
    event_log_max_bytes: Annotated[Bytes, Meta(description="Bytes of events kept in each project's log.")] = (
        1024 * 1024 * 1024
    )

    database_idle_seconds: Annotated[
        PositiveSeconds,
        Meta(
            description="Seconds after which a project's database that nobody uses is closed, until somebody "
            "does; subscribers and work that is under way keep it open."
        ),
    ] = 30.0
    databases_open_max: Annotated[
        Count,
        Meta(
            description="Databases of projects open in one process beyond which those that nobody uses are "
            "closed at once."
        ),
    ] = 256
    reads_at_once: Annotated[
        int,
        Meta(description="Reads of requests that run at the same time in one process.", ge=2, le=32),
    ] = 8
    reads_of_caller: Annotated[
        Count, Meta(description="Of them those of one user or API key; further ones wait for these.")
    ] = 4
    reads_of_guest: Annotated[Count, Meta(description="Of them those of guests from one IP address.")] = 2
    reads_of_guests: Annotated[
        Count,
        Meta(
            description="Of them those of all guests together. Of these, and of all, half may be long reads "
            "(0.05 s of a processor and more)."
        ),
    ] = 4
    reads_waiting_of_caller: Annotated[
        Count,
        Meta(description="Reads of one user or API key that wait; further ones get 503 with `Retry-After`."),
    ] = 256
    reads_waiting_of_guest: Annotated[
        Count,
        Meta(description="The same for guests from one IP address."),
    ] = 64
    reads_waiting_of_guests: Annotated[Count, Meta(description="The same for all guests together.")] = 256
    read_seconds: Annotated[
        PositiveSeconds, Meta(description="Seconds that a read may take; then it is refused with 408.")
    ] = 15.0
    read_seconds_of_guest: Annotated[PositiveSeconds, Meta(description="The same for guests.")] = 5.0

    max_body_bytes: Annotated[Bytes, Meta(description="Largest JSON request body, bytes.")] = 10_000_000
    max_body_values: Annotated[
        Count,
        Meta(
            description="Values in a JSON body of more than 64 KB, or in a frame of a realtime client; "
            "arrays and objects count four times."
        ),
    ] = 1_000_000
    http_compression: Annotated[
        bool,
        Meta(
            description="Compress answers in JSON (gzip) for clients that ask for it; never those that hold "
            "secrets, such as sessions and keys."
        ),
    ] = True
    http_compression_min_bytes: Annotated[
        Bytes, Meta(description="Bytes from which on an answer is compressed.")
    ] = 1024
    response_format: Annotated[
        str,
        Meta(
            description="Version of the API that programs are taken to be made for which do not name one in "
            "`X-Appwrite-Response-Format`, such as `1.8.0`; empty: the newest.",
            pattern=r"^([0-9]+\.[0-9]+\.[0-9]+)?$",
        ),
    ] = ""
    max_header_bytes: Annotated[Bytes, Meta(description="Largest request line with headers, bytes.")] = (
        128 * 1024
    )
    request_head_seconds: Annotated[
        PositiveSeconds,
        Meta(description="Seconds for request line and headers, upgrades included; then it is closed."),
    ] = 30.0
    request_body_seconds: Annotated[
        PositiveSeconds,
        Meta(description="Seconds that a client may be silent within a body before it is closed."),
    ] = 60.0
    body_buffer_bytes: Annotated[
        Bytes,
        Meta(
            description="Bytes of request bodies, and of the values in large ones, that one process holds at "
            "once; beyond it bodies are not read on. Those that arrive whole do not count."
        ),
    ] = 96 * 2**20
    body_buffer_bytes_per_address: Annotated[
        Bytes, Meta(description="Of them from one IP address, unless it is a single body.")
    ] = 32 * 2**20
    body_buffer_bytes_per_project: Annotated[
        Bytes, Meta(description="Of them to one project, unless it is a single body.")
    ] = 64 * 2**20
    body_wait_seconds: Annotated[
        Seconds,
        Meta(description="Seconds that a body waits to be read on; then 503 with `Retry-After`."),
    ] = 5.0
    answer_seconds: Annotated[
        PositiveSeconds,
        Meta(description="Seconds in which a client has to take 64 KB of what waits for it, or is cut off."),
    ] = 30.0
    unread_answer_bytes: Annotated[
        Bytes,
        Meta(
            description="Bytes of answers that wait for their clients to read them, in one process; beyond "
            "it the client with the largest is cut off."
        ),
    ] = 64 * 2**20
    unread_answer_bytes_per_address: Annotated[
        Bytes, Meta(description="Of them for the clients of one IP address.")
    ] = 48 * 2**20
    large_answer_bytes: Annotated[
        Bytes,
        Meta(
            description="Memory of lists of more than 1 MB that one process makes at once; the next wait for "
            "it as long as a read may take, then get 503 with `Retry-After`. A single one may have more."
        ),
    ] = 96 * 2**20
    max_document_bytes: Annotated[
        Bytes, Meta(description="Largest document of DocumentsDB, bytes of its JSON text.")
    ] = 4_000_000
    max_document_depth: Annotated[
        int, Meta(description="Levels of arrays and objects in a document.", ge=1, le=200)
    ] = 32
    max_file_bytes: Annotated[
        Bytes, Meta(description="Largest file, bytes; also the limit of every bucket's `maximumFileSize`.")
    ] = 30_000_000
    upload_max_age: Annotated[
        Count, Meta(description="Seconds after which an unfinished chunked upload is discarded.")
    ] = 24 * 3600
    list_bytes_max: Annotated[
        Count,
        Meta(
            description="Bytes that one list may show, about, whatever its limit; related rows are counted "
            "wherever they are shown."
        ),
    ] = 16 * 2**20
    related_rows_max: Annotated[
        Count,
        Meta(
            description="Related rows that one answer may show, counted wherever they are shown, and that "
            "one row may be given in a request, nested ones included."
        ),
    ] = 5_000
    cascade_rows_max: Annotated[
        Count,
        Meta(description="Rows that one row's deletion or change may delete or change by its relationships."),
    ] = 10_000
    session_duration: Annotated[Count, Meta(description="Seconds that a session lasts.")] = 365 * 24 * 3600

    bulk_bytes_max: Annotated[
        Count,
        Meta(description="Bytes of rows that one request may change or delete by queries."),
    ] = 256 * 2**20
    bulk_rows_max: Annotated[
        Count, Meta(description="Rows that one request may change or delete by queries.")
    ] = 100_000
    index_length_max: Annotated[
        Count,
        Meta(
            description="Greatest length of an index of type `key` or `unique`: the characters of its texts, "
            "or as many of each as its `lengths` say, 2 for a float, 1 for anything else."
        ),
    ] = 1024
    transaction_max_operations: Annotated[
        Count, Meta(description="Operations that a transaction on rows takes.")
    ] = 100
    transaction_max_bytes: Annotated[Bytes, Meta(description="Bytes of these operations together.")] = (
        10_000_000
    )
    transaction_max_rows: Annotated[
        Count,
        Meta(description="Rows that a transaction reads or changes, those of bulk operations included."),
    ] = 10_000
    transaction_bulk_events: Annotated[
        bool,
        Meta(
            description="Tell subscribers of rows that bulk operations within transactions write. Off: "
            "nobody is told of them, as in Appwrite."
        ),
    ] = True
    transaction_max_pending: Annotated[
        Count, Meta(description="Pending transactions of one user, or of all API keys of a project together.")
    ] = 1_000
    transaction_max_age: Annotated[
        Count, Meta(description="Seconds after its expiry that a transaction can still be looked at.")
    ] = 3600

    realtime_max_message_bytes: Annotated[
        Bytes,
        Meta(
            description="Largest message from a realtime client, fragments summed, bytes; `subscribe` may "
            "have `realtime_max_subscription_bytes` more."
        ),
    ] = 64_000
    realtime_max_queue_bytes: Annotated[
        Bytes, Meta(description="Bytes queued for a slow realtime client before it is closed with 1013.")
    ] = 1024 * 1024
    realtime_compression: Annotated[
        bool, Meta(description="Compress events for realtime clients that can read it (permessage-deflate).")
    ] = True
    realtime_messages_per_minute: Annotated[
        Count,
        Meta(
            description="Messages a minute from one realtime connection, `ping` and `unsubscribe` aside; "
            "more are refused, `subscribe` is delayed."
        ),
    ] = 32
    realtime_delay_seconds: Annotated[
        PositiveSeconds,
        Meta(
            description="Seconds that `subscribe` frames over that limit wait, and what comes meanwhile with "
            "them: as many as `realtime_max_subscriptions` and `realtime_max_subscription_bytes` admit."
        ),
    ] = 2.0
    realtime_flood_rate: Annotated[
        Count,
        Meta(
            description="Frames a second from one realtime connection, of all kinds, over ten seconds; each "
            "4 KiB count as one more, so do 100 arrays or objects, and 128 characters of `subscribe`. Beyond "
            "it the connection is not read for a while, and closed with 1013 when it goes on."
        ),
    ] = 200
    realtime_flood_rate_per_address: Annotated[
        Count,
        Meta(
            description="The same of all realtime connections from one IP address together, those that ended "
            "included; answers to pings do not count. Beyond it none of them is read for a while."
        ),
    ] = 5_000
    realtime_connects_per_minute: Annotated[
        Count, Meta(description="Realtime connects a minute from one IP address.")
    ] = 128
    realtime_max_connections: Annotated[
        Count, Meta(description="Realtime connections open at once in one process; the next get 1013.")
    ] = 100_000
    realtime_max_connections_per_project: Annotated[Count, Meta(description="Of them to one project.")] = (
        100_000
    )
    realtime_max_connections_per_address: Annotated[
        Count, Meta(description="Of them from one IP address; users behind one proxy or office share it.")
    ] = 20_000
    realtime_max_connections_per_user: Annotated[Count, Meta(description="Of them by one user.")] = 1_000
    realtime_max_subscriptions: Annotated[
        Count, Meta(description="Subscriptions of one realtime connection.")
    ] = 1_000
    realtime_max_channels: Annotated[
        Count, Meta(description="Channels in all subscriptions of one realtime connection.")
    ] = 4_096
    realtime_max_subscription_bytes: Annotated[
        Bytes,
        Meta(description="Bytes of all subscriptions of one realtime connection, as rows of a `subscribe`."),
    ] = 512 * 1024
    realtime_max_query_work: Annotated[
        Count,
        Meta(
            description="Comparisons that an event may cost the queries of one realtime connection: 1 for "
            "each condition, 100 for each text that is looked for within another."
        ),
    ] = 20_000
    realtime_max_query_work_per_address: Annotated[
        Count,
        Meta(description="Those of all connections from one IP address; queries that are equal count once."),
    ] = 100_000
    realtime_max_query_memory: Annotated[
        Bytes,
        Meta(description="Memory that the compiled queries of one realtime connection may take, bytes."),
    ] = 4 * 1024 * 1024
    realtime_max_query_memory_per_address: Annotated[
        Bytes,
        Meta(description="That of all connections from one IP address; queries that are equal count once."),
    ] = 256 * 1024 * 1024
    realtime_max_match_seconds: Annotated[
        PositiveSeconds,
        Meta(
            description="Of the processor, that one event may take for the queries from one IP address; who "
            "is left over is closed with 1013 and gets the event when it comes back."
        ),
    ] = 0.05
    realtime_idle_seconds: Annotated[
        PositiveSeconds,
        Meta(
            description="Seconds after which a realtime client that sent nothing, though pinged, is closed."
        ),
    ] = 60.0
    realtime_handshakes_at_once: Annotated[
        Count, Meta(description="Realtime connections that are set up at the same time; others wait for it.")
    ] = 64
    realtime_handshake_seconds: Annotated[
        PositiveSeconds,
        Meta(description="Seconds that they may take, waiting included, before they are closed with 1013."),
    ] = 20.0
    realtime_tail_rate: Annotated[
        Count, Meta(description="Events a second in one live tail of the console; further ones are counted.")
    ] = 50
    realtime_max_payload_bytes: Annotated[
        Bytes, Meta(description="Largest payload of a message on a custom channel, bytes of JSON.")
    ] = 64_000
    realtime_channel_rate: Annotated[
        Count,
        Meta(description="Messages a second on one custom channel, where its rule does not say otherwise."),
    ] = 10_000
    realtime_publisher_rate: Annotated[
        Count,
        Meta(description="Of them from one user, or from the guests of one IP address; not from API keys."),
    ] = 50
    realtime_max_channel_rules: Annotated[
        Count, Meta(description="Rules for custom channels in one project.")
    ] = 1_000
    realtime_leave_seconds: Annotated[
        Seconds,
        Meta(description="Seconds after which somebody who has gone counts as having left a channel."),
    ] = 5.0
    realtime_max_members_told: Annotated[
        Count,
        Meta(description="Members of a channel beyond which joins and leaves are not told, only listed."),
    ] = 1_000
    realtime_idempotency_seconds: Annotated[
        PositiveSeconds,
        Meta(description="Seconds in which a message with the same idempotency key is not sent again."),
    ] = 600.0
    realtime_max_idempotency_keys: Annotated[
        Count,
        Meta(description="Of messages without history, kept by one process; beyond it the oldest go first."),
    ] = 100_000
    realtime_recovery_seconds: Annotated[
        Seconds,
        Meta(
            description="Seconds after a disconnect in which who subscribes again under the same id "
            "gets what it missed; 0: not at all, and nobody is asked for acknowledgements."
        ),
    ] = 120.0
    realtime_overlap_seconds: Annotated[
        Seconds,
        Meta(
            description="Seconds before a disconnect from which clients that answer no pings (Apple) get "
            "events again: their machine may have received what they did not."
        ),
    ] = 5.0
    realtime_max_kept: Annotated[
        Count,
        Meta(
            description="Subscriptions of a project whose positions are kept; what is beyond it is not "
            "recovered, and what was lost first is forgotten first."
        ),
    ] = 200_000
    realtime_max_replay_events: Annotated[
        Count,
        Meta(description="Events of the log that a recovery may go back; beyond it a client is told so."),
    ] = 100_000
    metrics_key: Annotated[
        str,
        Meta(
            description="Serve Prometheus metrics at `/metrics` to who sends this as a bearer token; empty: "
            "do not serve them.",
            extra={"secret": True},
        ),
    ] = ""
    realtime_queries: Annotated[
        Literal["extended", "reference"],
        Meta(
            description="Query methods of subscriptions: `extended`, or only those that every Appwrite "
            "server knows (`reference`)."
        ),
    ] = "extended"
    rate_limits: Annotated[
        bool, Meta(description="Apply the limits per minute; `off` for local work and test suites.")
    ] = True

    smtp_host: Annotated[
        str,
        Meta(description="Mail server of projects without their own; empty: mails go to the local outbox."),
    ] = ""
    smtp_port: Annotated[int, Meta(description="Port of the mail server.", ge=1, le=65535)] = 587
    smtp_username: Annotated[
        str, Meta(description="User name at the mail server; empty: it asks for none.")
    ] = ""
    smtp_password: Annotated[
        str,
        Meta(
            description="Password at the mail server; give it by environment or file, not as a flag.",
            extra={"secret": True},
        ),
    ] = ""
    smtp_security: Annotated[
        Literal["starttls", "tls", "none"],
        Meta(description="Encryption: begun by STARTTLS, from the first byte, or none."),
    ] = "starttls"
    smtp_sender: Annotated[
        str, Meta(description="Address that mails come from unless the project says otherwise.", min_length=3)
    ] = "noreply@localhost"
    smtp_sender_name: Annotated[
        str, Meta(description="Name that mails come from unless the project says otherwise.")
    ] = "Tidewire"
    platform_name: Annotated[
        str, Meta(description="What mails and text messages of the console call it.", min_length=1)
    ] = "Tidewire"
    sms_provider: Annotated[
        str,
        Meta(
            description="What carries text messages: `http` posts them to `sms_url`, `mock` only writes "
            "them to the local outbox, `none` refuses what needs one; or a DSN, `sms://USER:SECRET@mock`.",
            extra={"secret": True},
        ),
    ] = "mock"
    sms_url: Annotated[
        str, Meta(description="http or https address that takes text messages, one JSON object each.")
    ] = ""
    sms_headers: Annotated[
        list[str],
        Meta(
            description="Headers sent to it, `Name: value` each, such as user name and secret; give them by "
            "environment or file, not as a flag.",
            extra={"secret": True},
        ),
    ] = msgspec.field(default_factory=list)
    sms_from: Annotated[str, Meta(description="Number or name that text messages come from.")] = ""
    message_max_attempts: Annotated[
        Count, Meta(description="Attempts to send a mail or text message before it is given up.")
    ] = 12
    message_max_age: Annotated[
        Count,
        Meta(description="Seconds that it stays known afterwards, without its text, that it was not sent."),
    ] = 30 * 24 * 3600
    embeddings_url: Annotated[
        str,
        Meta(
            description="Server with Ollama's interface that computes embeddings, such as "
            "`http://localhost:11434`; without one there are none."
        ),
    ] = ""
    embeddings_timeout: Annotated[
        PositiveSeconds, Meta(description="Seconds that it may take for the texts of one request.")
    ] = 60.0
    webhook_timeout: Annotated[
        PositiveSeconds, Meta(description="Seconds that a receiver of webhooks may take to answer.")
    ] = 15.0
    webhook_max_failures: Annotated[
        Count, Meta(description="Failures in a row after which a webhook is disabled.")
    ] = 10
    webhook_retry_seconds: Annotated[
        Seconds,
        Meta(description="Seconds until a delivery that failed is tried again; they double each time."),
    ] = 2.0
    webhook_max_retry_seconds: Annotated[
        Seconds, Meta(description="Longest pause between two attempts, but for a quarter more by chance.")
    ] = 3600.0
    webhook_user_agent: Annotated[
        str,
        Meta(
            description="`User-Agent` of webhooks, for receivers that filter by it; empty: "
            "`Tidewire-Server/<version>`.",
            pattern=r"^[\x20-\x7e]*$",
        ),
    ] = ""
    webhook_private_addresses: Annotated[
        bool,
        Meta(
            description="Deliver webhooks, and mails by projects' own servers, to private, loopback and "
            "other internal addresses too."
        ),
    ] = False
    outbound_allowed_hosts: Annotated[
        list[str],
        Meta(
            description="Host names and addresses that webhooks and mail servers of projects may be at "
            "though they are internal, such as `mail.lan,10.0.0.7`."
        ),
    ] = msgspec.field(default_factory=list)
    geoip_file: Annotated[
        str,
        Meta(description="MaxMind DB file (`.mmdb`) that tells the countries of clients; empty: unknown."),
    ] = ""
    health_time_server: Annotated[
        str,
        Meta(
            description="NTP server (`host` or `host:port`) that `health.getTime` compares the clock with.",
            min_length=1,
        ),
    ] = "pool.ntp.org"

    def __post_init__(self) -> None:
        try:
            parse_hops(tuple(self.trusted_hops))
        except ValueError as error:
            raise ValueError(f"setting 'trusted_hops': {error}") from None
        try:
            parse_provider(self.sms_provider, self.sms_url, self.sms_headers)
        except ValueError as error:
            raise ValueError(f"setting 'sms_provider': {error}") from None


def setting_description(field: msgspec.structs.FieldInfo) -> str:
    """What a setting means, from its declaration."""
    metadata = getattr(field.type, "__metadata__", ())
    return next(str(entry.description) for entry in reversed(metadata) if getattr(entry, "description", None))


def is_secret(field: msgspec.structs.FieldInfo) -> bool:
    """Whether the value of a setting must not be shown."""
    metadata = getattr(field.type, "__metadata__", ())
    return any((getattr(entry, "extra", None) or {}).get("secret") for entry in metadata)


def load_settings(
    flags: Mapping[str, object], environment: Mapping[str, str] = os.environ, file: Path | None = None
) -> Settings:
    """Combine flags, ``TIDEWIRE_*`` variables and a TOML file, in this order of precedence.

    Flags that are None were not given. Raises :class:`SettingsError`.
    """
    if file is None and environment.get(ENVIRONMENT_PREFIX + "CONFIG"):
        file = Path(environment[ENVIRONMENT_PREFIX + "CONFIG"])
    values: dict[str, Any] = {}
    for source, given in (
        (f"file {file}", _from_file(file) if file else {}),
        ("environment", _from_environment(environment)),
        ("command line", {name: value for name, value in flags.items() if value is not None}),
    ):
        for name, value in given.items():
            values[name] = _checked(name, value, source)
    try:
        return msgspec.convert(values, Settings)
    except msgspec.ValidationError as error:
        raise SettingsError(str(error)) from None


def misspelt_variables(environment: Mapping[str, str] = os.environ) -> list[str]:
    """What to say of variables that begin as settings do and are none, each with the one it is like."""
    names = [field.name.upper() for field in msgspec.structs.fields(Settings)]
    said = []
    for name in sorted(environment):
        own = name.removeprefix(ENVIRONMENT_PREFIX)
        if own != name and own not in names and name not in _OTHER_VARIABLES:
            like = get_close_matches(own, names, 1)
            said.append(
                f"{name} is no setting" + (f": is {ENVIRONMENT_PREFIX}{like[0]} meant?" if like else "")
            )
    return said


def _from_file(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read the settings file {file}: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"the settings file {file} is not valid TOML: {error}") from None


def _from_environment(environment: Mapping[str, str]) -> dict[str, object]:
    given: dict[str, object] = {}
    for field in msgspec.structs.fields(Settings):
        value = environment.get(ENVIRONMENT_PREFIX + field.name.upper())
        if value is not None:
            given[field.name] = value
    return given


def _checked(name: str, value: object, source: str) -> object:
    fields = {field.name: field for field in msgspec.structs.fields(Settings)}
    if name not in fields:
        raise SettingsError(f"unknown setting {name!r} ({source}); `tidewire settings` lists all of them")
    annotation = fields[name].type
    plain = get_args(annotation)[0]
    if plain is bool:
        value = {"on": True, "off": False, "yes": True, "no": False}.get(str(value).lower(), value)
    if get_origin(plain) is list and isinstance(value, str):
        value = [item.strip() for item in value.split(",") if item.strip()]
    try:
        return msgspec.convert(value, annotation, strict=False)
    except msgspec.ValidationError as error:
        got = "" if is_secret(fields[name]) else f"; got {value!r}"
        choices = get_args(plain) if get_origin(plain) is Literal else ()
        problem = f"must be one of {', '.join(choices)}" if choices else error
        raise SettingsError(f"setting {name!r} ({source}): {problem}{got}") from None
