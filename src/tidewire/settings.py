"""Settings of the server, each declared once: its type, its bounds, its default, and below it its meaning.

Where their values come from is in :mod:`tidewire.cli.settings`.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from tidewire.core.checks.addresses import Domain, Url
from tidewire.core.forwarding import parse_hops
from tidewire.core.parameters import Check, InvalidParameterError
from tidewire.core.text_message_providers import parse_provider

Bytes = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(ge=0)]
PositiveSeconds = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=1)]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set.

    The text below a field is its help on the command line and its row in docs/settings.md.
    """

    host: Annotated[str, Meta(min_length=1)] = "127.0.0.1"
    """Address to listen on."""
    port: Annotated[int, Meta(ge=0, le=65535)] = 8090
    """Port to listen on; 0 picks a free one."""
    data_dir: Annotated[str, Meta(min_length=1)] = "tidewire-data"
    """Directory of databases, files and secrets; created if missing."""
    workers: Annotated[int, Meta(ge=1, le=64)] = 1
    """Processes that serve, all on the same port and data directory."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe log lines written."""
    demo: bool = False
    """Serve the demo page at `/`, with a bucket `demo` that everybody may write to."""
    hostnames: list[str] = msgspec.field(default_factory=lambda: ["localhost"])
    """Host names of this server; pages served from them may call it from a browser."""
    secret_key: Annotated[str, Meta(extra={"secret": True})] = ""
    """Signs JSON Web Tokens instead of the generated secret; at least 32 characters."""
    console_signup: Literal["first", "localhost", "open"] = "first"
    """Who may sign up for the console: `first` the first person, from this computer or with the code that
    `serve` prints, `localhost` that one from this computer only, `open` everybody. Invitations always
    work."""
    console_session_alerts: bool = False
    """Tell people of the console by mail when they sign in on a further device."""
    trusted_proxies: bool = False
    """Believe `X-Forwarded-For` and `X-Forwarded-Proto`; set only behind your own proxy."""
    trusted_hops: list[str] = msgspec.field(default_factory=lambda: ["1"])
    """With `trusted_proxies`: how many proxies stand one behind the other, a CDN counted (`2`), or their
    addresses and networks (`10.0.0.0/8,2001:db8::/32`)."""
    drain_seconds: Seconds = 5.0
    """On shutdown, seconds over which connections are closed (1012) and requests end."""

    synchronous: Literal["full", "normal"] = "full"
    """SQLite durability: `full` survives a power cut, `normal` a crash of the process."""
    network_file_systems: bool = False
    """Use a data directory on a network file system (NFS, SMB, Ceph) all the same; only one machine may ever
    use it."""
    disk_reserve_bytes: Annotated[int, Meta(ge=0)] = 64 * 1024 * 1024
    """Bytes of the disk kept free for deleting: when no more are left, other writes are refused with 507. At
    most a twentieth of the disk; 0: none."""
    trash_max_age: Count = 7 * 24 * 3600
    """Seconds that objects which no row refers to stay in the trash of object storage (`objects/.trash`)
    before they are deleted."""
    event_log_max_age: Count = 7 * 24 * 3600
    """Seconds that events stay in the log and can be recovered."""
    event_log_max_bytes: Bytes = 1024 * 1024 * 1024
    """Bytes of events kept in each project's log."""

    database_idle_seconds: PositiveSeconds = 30.0
    """Seconds after which a project's database that nobody uses is closed, until somebody does; subscribers
    and work that is under way keep it open."""
    databases_open_max: Count = 256
    """Databases of projects open in one process beyond which those that nobody uses are closed at once."""
    reads_at_once: Annotated[int, Meta(ge=2, le=32)] = 8
    """Reads of requests that run at the same time in one process."""
    reads_of_caller: Count = 4
    """Reads that run at the same time of one user or API key; further ones wait for these."""
    reads_of_guest: Count = 2
    """Reads that run at the same time of guests from one IP address."""
    reads_of_guests: Count = 4
    """Reads that run at the same time of all guests together.

    Of these, and of all, half may be long reads (0.05 s of a processor and more).
    """
    reads_waiting_of_caller: Count = 256
    """Reads of one user or API key that wait; further ones get 503 with `Retry-After`."""
    reads_waiting_of_guest: Count = 64
    """The same for guests from one IP address."""
    reads_waiting_of_guests: Count = 256
    """The same for all guests together."""
    read_seconds: PositiveSeconds = 15.0
    """Seconds that a read may take; then it is refused with 408."""
    read_seconds_of_guest: PositiveSeconds = 5.0
    """The same for guests."""

    max_body_bytes: Bytes = 21_000_000
    """Largest JSON request body, bytes: room for the largest `body` of an execution, 10,485,760 bytes, even
    if half of them are escaped."""
    max_body_values: Count = 1_000_000
    """Values in a JSON body of more than 64 KB, or in a frame of a realtime client; arrays and objects count
    four times."""
    http_compression: bool = True
    """Compress answers in JSON (gzip) for clients that ask for it; never those that hold secrets, such as
    sessions and keys."""
    http_compression_min_bytes: Bytes = 1024
    """Bytes from which on an answer is compressed."""
    response_format: Annotated[str, Meta(pattern=r"^([0-9]+\.[0-9]+\.[0-9]+)?$")] = ""
    """Version of the API that programs are taken to be made for which do not name one in
    `X-Appwrite-Response-Format`, such as `1.8.0`; empty: the newest."""
    max_header_bytes: Bytes = 128 * 1024
    """Largest request line with headers, bytes."""
    request_head_seconds: PositiveSeconds = 30.0
    """Seconds for request line and headers, upgrades included; then it is closed."""
    request_body_seconds: PositiveSeconds = 60.0
    """Seconds that a client may be silent within a body before it is closed."""
    body_buffer_bytes: Bytes = 96 * 2**20
    """Bytes of request bodies, and of the values in large ones, that one process holds at once; beyond it
    bodies are not read on. Those that arrive whole do not count."""
    body_buffer_bytes_per_address: Bytes = 32 * 2**20
    """The same for bodies from one IP address; a single body may have more."""
    body_buffer_bytes_per_project: Bytes = 64 * 2**20
    """The same for bodies to one project; a single body may have more."""
    body_wait_seconds: Seconds = 5.0
    """Seconds that a body waits to be read on; then 503 with `Retry-After`."""
    answer_seconds: PositiveSeconds = 30.0
    """Seconds in which a client has to take 64 KB of what waits for it, or is cut off."""
    unread_answer_bytes: Bytes = 64 * 2**20
    """Bytes of answers that wait for their clients to read them, in one process; beyond it the client with
    the largest is cut off."""
    unread_answer_bytes_per_address: Bytes = 48 * 2**20
    """The same for the clients of one IP address."""
    large_answer_bytes: Bytes = 96 * 2**20
    """Memory of lists of more than 1 MB that one process makes at once; the next wait for it as long as a
    read may take, then get 503 with `Retry-After`. A single one may have more."""
    max_document_bytes: Bytes = 4_000_000
    """Largest document of DocumentsDB, bytes of its JSON text."""
    max_document_depth: Annotated[int, Meta(ge=1, le=200)] = 32
    """Levels of arrays and objects in a document."""
    max_file_bytes: Bytes = 30_000_000
    """Largest file, bytes; also the limit of every bucket's `maximumFileSize`."""
    files_coded_max_bytes: Bytes = 20_000_000
    """Largest file that is compressed and encrypted as its bucket says, bytes; larger ones are stored as they
    are, which their `compression` and `encryption` tell."""
    upload_max_age: Count = 24 * 3600
    """Seconds after which an unfinished chunked upload is discarded."""
    list_bytes_max: Count = 16 * 2**20
    """Bytes that one list may show, about, whatever its limit; related rows are counted wherever they are
    shown."""
    related_rows_max: Count = 5_000
    """Related rows that one answer may show, counted wherever they are shown, and that one row may be given
    in a request, nested ones included."""
    cascade_rows_max: Count = 10_000
    """Rows that one row's deletion or change may delete or change by its relationships."""
    graphql_max_batch: Count = 10
    """Queries that one request by GraphQL may hold."""
    graphql_max_document_bytes: Bytes = 64 * 1024
    """Bytes of the text of a GraphQL query, variables aside."""
    graphql_max_tokens: Count = 5_000
    """Words and signs of it."""
    graphql_max_depth: Count = 4
    """Fields with fields of their own that lie within each other, the outermost aside."""
    graphql_max_complexity: Count = 250
    """What a GraphQL query may cost: 1 for each field, and where a list is asked for by `queries`, the fields
    of an entry as often as its limit (25 if it has none)."""
    graphql_max_aliases: Count = 100
    """Fields of a GraphQL query with names of its own choice, counted wherever a fragment is spread."""
    graphql_max_directives: Count = 50
    """Directives of a GraphQL query, counted in the same way."""
    graphql_introspection: bool = True
    """Whether GraphQL clients may ask for the schema, and read it at `/v1/graphql/schema.graphql`."""
    graphql_reads_at_once: Count = 8
    """Reads of one GraphQL request that run at the same time."""
    graphql_answer_max_bytes: Count = 32 * 2**20
    """Bytes of rows that one GraphQL request may show, about; the fields beyond it are refused."""
    graphql_cached_bytes: Annotated[int, Meta(ge=0)] = 256 * 1024
    """Text of checked GraphQL queries that one process keeps, bytes; each takes a hundred times as much of
    memory, or more."""
    session_duration: Count = 365 * 24 * 3600
    """Seconds that a session lasts."""

    bulk_bytes_max: Count = 256 * 2**20
    """Bytes of rows that one request may change or delete by queries."""
    bulk_rows_max: Count = 100_000
    """Rows that one request may change or delete by queries."""
    index_length_max: Count = 1024
    """Greatest length of an index of type `key` or `unique`: the characters of its texts, or as many of each
    as its `lengths` say, 2 for a float, 1 for anything else."""
    transaction_max_operations: Count = 100
    """Operations that a transaction on rows takes."""
    transaction_max_bytes: Bytes = 10_000_000
    """Bytes of these operations together."""
    transaction_max_rows: Count = 10_000
    """Rows that a transaction reads or changes, those of bulk operations included."""
    transaction_bulk_events: bool = True
    """Tell subscribers of rows that bulk operations within transactions write. Off: nobody is told of them,
    as in Appwrite."""
    transaction_max_pending: Count = 1_000
    """Pending transactions of one user, or of all API keys of a project together."""
    transaction_max_age: Count = 3600
    """Seconds after its expiry that a transaction can still be looked at."""

    realtime_max_message_bytes: Bytes = 64_000
    """Largest message from a realtime client, fragments summed, bytes; `subscribe` may have
    `realtime_max_subscription_bytes` more."""
    realtime_max_queue_bytes: Bytes = 1024 * 1024
    """Bytes queued for a slow realtime client before it is closed with 1013."""
    realtime_compression: bool = True
    """Compress events for realtime clients that can read it (permessage-deflate)."""
    realtime_messages_per_minute: Count = 32
    """Messages a minute from one realtime connection, `ping` and `unsubscribe` aside; more are refused,
    `subscribe` is delayed."""
    realtime_delay_seconds: PositiveSeconds = 2.0
    """Seconds that `subscribe` frames over that limit wait, and what comes meanwhile with them: as many as
    `realtime_max_subscriptions` and `realtime_max_subscription_bytes` admit."""
    realtime_flood_rate: Count = 200
    """Frames a second from one realtime connection, of all kinds, over ten seconds; each 4 KiB count as one
    more, so do 100 arrays or objects, and 128 characters of `subscribe`. Beyond it the connection is not read
    for a while, and closed with 1013 when it goes on."""
    realtime_flood_rate_per_address: Count = 5_000
    """The same of all realtime connections from one IP address together, those that ended included; answers
    to pings do not count. Beyond it none of them is read for a while."""
    realtime_connects_per_minute: Count = 128
    """Realtime connects a minute from one IP address."""
    realtime_max_connections: Count = 100_000
    """Realtime connections open at once in one process; the next get 1013."""
    realtime_max_connections_per_project: Count = 100_000
    """Realtime connections to one project."""
    realtime_max_connections_per_address: Count = 20_000
    """Realtime connections from one IP address; users behind one proxy or office share it."""
    realtime_max_connections_per_user: Count = 1_000
    """Realtime connections by one user."""
    realtime_max_subscriptions: Count = 1_000
    """Subscriptions of one realtime connection."""
    realtime_max_channels: Count = 4_096
    """Channels in all subscriptions of one realtime connection."""
    realtime_max_subscription_bytes: Bytes = 512 * 1024
    """Bytes of all subscriptions of one realtime connection, as rows of a `subscribe`."""
    realtime_max_query_work: Count = 20_000
    """Comparisons that an event may cost the queries of one realtime connection: 1 for each condition, 100
    for each text that is looked for within another."""
    realtime_max_query_work_per_address: Count = 100_000
    """The same for all connections from one IP address together; queries that are equal count once."""
    realtime_max_query_memory: Bytes = 4 * 1024 * 1024
    """Memory that the compiled queries of one realtime connection may take, bytes."""
    realtime_max_query_memory_per_address: Bytes = 256 * 1024 * 1024
    """The same for all connections from one IP address together; queries that are equal count once."""
    realtime_max_match_seconds: PositiveSeconds = 0.05
    """Seconds of the processor that one event may take for the queries from one IP address; a client that is
    left over is closed with 1013, and gets the event when it comes back."""
    realtime_idle_seconds: PositiveSeconds = 60.0
    """Seconds after which a realtime client that sent nothing, though pinged, is closed."""
    realtime_handshakes_at_once: Count = 64
    """Realtime connections that are set up at the same time; others wait for it."""
    realtime_handshake_seconds: PositiveSeconds = 20.0
    """Seconds that they may take, waiting included, before they are closed with 1013."""
    graphql_init_seconds: PositiveSeconds = 10.0
    """Seconds that a client of GraphQL over WebSocket has to send `connection_init`; then it is closed with
    4408."""
    realtime_tail_rate: Count = 50
    """Events a second in one live tail of the console; further ones are counted."""
    realtime_max_payload_bytes: Bytes = 64_000
    """Largest payload of a message on a custom channel, bytes of JSON."""
    realtime_channel_rate: Count = 10_000
    """Messages a second on one custom channel, where its rule does not say otherwise."""
    realtime_publisher_rate: Count = 50
    """Messages a second from one user, or from the guests of one IP address; not from API keys."""
    realtime_max_channel_rules: Count = 1_000
    """Rules for custom channels in one project."""
    realtime_leave_seconds: Seconds = 5.0
    """Seconds after which somebody who has gone counts as having left a channel."""
    realtime_max_members_told: Count = 1_000
    """Members of a channel beyond which joins and leaves are not told, only listed."""
    realtime_idempotency_seconds: PositiveSeconds = 600.0
    """Seconds in which a message with the same idempotency key is not sent again."""
    realtime_max_idempotency_keys: Count = 100_000
    """Idempotency keys of messages without history that one process keeps; beyond it the oldest go first."""
    realtime_recovery_seconds: Seconds = 120.0
    """Seconds after a disconnect in which who subscribes again under the same id gets what it missed; 0: not
    at all, and nobody is asked for acknowledgements."""
    realtime_overlap_seconds: Seconds = 5.0
    """Seconds before a disconnect from which clients that answer no pings (Apple) get events again: their
    machine may have received what they did not."""
    realtime_max_kept: Count = 200_000
    """Subscriptions of a project whose positions are kept; what is beyond it is not recovered, and what was
    lost first is forgotten first."""
    realtime_max_replay_events: Count = 100_000
    """Events of the log that a recovery may go back; beyond it a client is told so."""
    metrics_key: Annotated[str, Meta(extra={"secret": True})] = ""
    """Serve Prometheus metrics at `/metrics` to who sends this as a bearer token; empty: do not serve
    them."""
    realtime_queries: Literal["extended", "reference"] = "extended"
    """Query methods of subscriptions: `extended`, or only those that every Appwrite server knows
    (`reference`)."""
    rate_limits: bool = True
    """Apply the limits per minute, and those of the depth and complexity of GraphQL queries; `off` for local
    work and test suites."""

    smtp_host: str = ""
    """Mail server of projects without their own; empty: mails go to the local outbox."""
    smtp_port: Annotated[int, Meta(ge=1, le=65535)] = 587
    """Port of the mail server."""
    smtp_username: str = ""
    """User name at the mail server; empty: it asks for none."""
    smtp_password: Annotated[str, Meta(extra={"secret": True})] = ""
    """Password at the mail server; give it by environment or file, not as a flag."""
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    """Encryption: begun by STARTTLS, from the first byte, or none."""
    smtp_sender: Annotated[str, Meta(min_length=3)] = "noreply@localhost"
    """Address that mails come from unless the project says otherwise."""
    smtp_sender_name: str = "Tidewire"
    """Name that mails come from unless the project says otherwise."""
    platform_name: Annotated[str, Meta(min_length=1)] = "Tidewire"
    """What mails and text messages of the console call it."""
    sms_provider: Annotated[str, Meta(extra={"secret": True})] = "mock"
    """What carries text messages: `http` posts them to `sms_url`, `mock` only writes them to the local
    outbox, `none` refuses what needs one; or a DSN, `sms://USER:SECRET@mock`."""
    sms_url: str = ""
    """http or https address that takes text messages, one JSON object each."""
    sms_headers: Annotated[list[str], Meta(extra={"secret": True})] = msgspec.field(default_factory=list)
    """Headers sent to it, `Name: value` each, such as user name and secret; give them by environment or file,
    not as a flag."""
    sms_from: str = ""
    """Number or name that text messages come from."""
    message_max_attempts: Count = 12
    """Attempts to send a mail or text message before it is given up."""
    notification_max_age: Count = 90 * 24 * 3600
    """Seconds after which notifications of people of the console are deleted."""
    email_template_max_bytes: Count = 2**18
    """Bytes that the text of one mail template may have."""
    email_templates_max_bytes: Count = 4 * 2**20
    """Bytes that all mail templates of a project may have together."""
    message_max_age: Count = 30 * 24 * 3600
    """Seconds that it stays known afterwards, without its text, that it was not sent."""
    messaging_max_listed: Count = 10_000
    """Topics, users, targets and files that a message may name, of each kind."""
    messaging_queue: Count = 10_000
    """Messages of one project that may wait, be scheduled, or be on their way; further ones are refused with
    429."""
    messaging_batches_at_once: Count = 8
    """Batches of a hundred recipients that are told at the same time, of all projects."""
    messaging_batches_per_project: Count = 2
    """The same of one project; so many batches may be told twice after a kill."""
    messaging_timeout: PositiveSeconds = 20.0
    """Seconds that a provider may take to answer; mail servers have 30 for each step."""
    messaging_max_attempts: Count = 5
    """Attempts to tell a recipient, where a failure looks temporary."""
    messaging_retry_seconds: PositiveSeconds = 1.0
    """Seconds until the second of them; they double each time."""
    messaging_max_retry_seconds: PositiveSeconds = 60.0
    """Longest pause between two of them, but for a quarter more by chance."""
    messaging_attachments_max_bytes: Bytes = 20_000_000
    """Bytes of the files that are attached to a mail, together."""
    messaging_endpoints: list[str] = msgspec.field(default_factory=list)
    """Addresses that stand in for those of providers, `NAME=URL` each, for gateways and tests, such as
    `twilio=http://localhost:9000`."""
    oauth2_endpoints: list[str] = msgspec.field(default_factory=list)
    """Addresses that stand in for all hosts of a provider that users sign in with, `KEY=URL` each, for
    gateways and tests: the host follows in the path. `mock=URL` is the only way to a provider for tests."""
    oauth2_timeout: PositiveSeconds = 15.0
    """Seconds that all requests to a provider for one sign-in may take."""
    oauth2_max_answer_bytes: Bytes = 262_144
    """Bytes of an answer of a provider; larger ones are refused."""
    oauth2_attempt_seconds: Count = 600
    """Seconds that people have to sign in at a provider and come back."""
    oauth2_attempts: Count = 10_000
    """Sign-ins at providers that may be under way in one project; the oldest give way."""
    embeddings_url: str = ""
    """Server with Ollama's interface that computes embeddings, such as `http://localhost:11434`; without one
    there are none."""
    embeddings_timeout: PositiveSeconds = 60.0
    """Seconds that it may take for the texts of one request."""
    webhook_timeout: PositiveSeconds = 15.0
    """Seconds that a receiver of webhooks may take to answer."""
    webhook_max_failures: Count = 10
    """Failures in a row after which a webhook is disabled."""
    webhook_retry_seconds: Seconds = 2.0
    """Seconds until a delivery that failed is tried again; they double each time."""
    webhook_max_retry_seconds: Seconds = 3600.0
    """Longest pause between two attempts, but for a quarter more by chance."""
    webhook_user_agent: Annotated[str, Meta(pattern=r"^[\x20-\x7e]*$")] = ""
    """`User-Agent` of webhooks, for receivers that filter by it; empty: `Tidewire-Server/<version>`."""
    webhook_private_addresses: bool = False
    """Deliver webhooks, mails by projects' own servers and what providers of messages carry to private,
    loopback and other internal addresses too, and ask providers there that users sign in with."""
    outbound_allowed_hosts: list[str] = msgspec.field(default_factory=list)
    """Host names and addresses that webhooks, mail servers of projects, and providers of messages and of
    sign-in may be at though they are internal, such as `mail.lan,10.0.0.7`."""
    functions_sandbox: Literal["auto", "required"] = "auto"
    """`required` runs functions only where bubblewrap or namespaces keep them apart; `auto` elsewhere too,
    with bounds of resources alone."""
    functions_runtime_folders: list[str] = msgspec.field(default_factory=list)
    """Folders in which Node and Python are looked for, besides those of `PATH`."""
    functions_network: bool = True
    """Whether functions may use the network; off needs bubblewrap or namespaces. Builds always may."""
    functions_idle_seconds: PositiveSeconds = 60.0
    """Seconds after which a function's process that nobody calls ends."""
    functions_processes_max: Count = 32
    """Processes of functions in one process of the server; beyond it the one that was called longest ago
    ends, and where all are busy, executions wait."""
    functions_processes_of_deployment: Count = 4
    """Processes of one deployment, started as its executions need them."""
    functions_requests_at_once: Count = 8
    """Executions that one process works on at the same time."""
    functions_requests_waiting: Count = 256
    """Executions of one deployment that wait for a process; further ones fail."""
    functions_answer_max_bytes: Bytes = 20_000_000
    """Largest body that a function may answer with."""
    functions_tasks_max: Count = 128
    """Processes and threads that one process of a function, or a build, may have."""
    functions_temporary_bytes: Bytes = 64 * 2**20
    """Bytes that the code of a function may keep in `/tmp`, in memory."""
    functions_unpacked_max_bytes: Bytes = 2 * 2**30
    """Bytes that the code of a deployment may unpack to, and a build may use."""
    functions_unpacked_max_files: Count = 200_000
    """Files and folders that the code of a deployment may have, and a build may make."""
    functions_build_max_bytes: Bytes = 500 * 2**20
    """Largest packed result of a build."""
    functions_unpacked_kept: Count = 256
    """Deployments whose unpacked code one process of the server keeps on the disk."""
    pictures_at_once: Annotated[int, Meta(ge=0, le=64)] = 0
    """Previews and avatars that one process makes at the same time, each in a process of its own; 0: one less
    than the machine has processors, at least 1 and at most 4."""
    pictures_waiting: Count = 256
    """Previews and avatars that wait for their turn; further ones get 503 with `Retry-After`."""
    pictures_waiting_of_caller: Count = 64
    """The same for one user or API key, or for the guests of one IP address."""
    pictures_seconds: PositiveSeconds = 15.0
    """Seconds that one picture may take; then its process is ended."""
    pictures_memory_bytes: Annotated[int, Meta(ge=256 * 2**20)] = 2**30
    """Address space of a process that makes pictures, bytes."""
    pictures_max_pixels: Count = 80_000_000
    """Pixels that a stored picture may have for a preview; an animation with more in all its frames stands
    still."""
    pictures_max_frames: Count = 300
    """Frames of an animation; longer ones stand still."""
    pictures_idle_seconds: PositiveSeconds = 30.0
    """Seconds after which a process that makes pictures and has none to make ends."""
    pictures_kept_bytes: Annotated[int, Meta(ge=0)] = 512 * 2**20
    """Bytes of made pictures that are kept in the data directory; those used longest ago go first."""
    avatars_fetches_at_once: Count = 16
    """Pages and pictures elsewhere that one process fetches at the same time for avatars."""
    avatars_fetch_seconds: PositiveSeconds = 10.0
    """Seconds that one page or picture may take, with its redirects."""
    avatars_fetch_max_bytes: Bytes = 10_000_000
    """Bytes of a page or picture that is fetched for an avatar; larger ones are refused."""
    avatars_allowed_hosts: list[str] = msgspec.field(default_factory=list)
    """Host names and addresses that avatars may be fetched from, by anybody, though they are internal."""
    avatars_photo_services: bool = False
    """Look for the photos of people at Gravatar and Libravatar, which are told a hash of their address."""
    screenshots: bool = False
    """Take screenshots of pages for avatars; Chromium and bubblewrap must be installed."""
    screenshots_browser: str = ""
    """Name or path of Chromium; empty: the one that is found."""
    screenshots_at_once: Annotated[int, Meta(ge=1, le=64)] = 1
    """Screenshots that one process takes at the same time."""
    screenshots_seconds: PositiveSeconds = 30.0
    """Seconds that one screenshot may take, but for the `sleep` that it asks for."""
    screenshots_memory_bytes: Annotated[int, Meta(ge=64 * 2**20)] = 1024 * 2**20
    """Bytes of memory that the browser of one screenshot may take."""
    screenshots_max_bytes: Count = 50_000_000
    """Bytes that one page may send and receive, with all that it loads."""
    previews_max_file_bytes: Bytes = 20_000_000
    """Largest file that a preview is made of, bytes."""
    geoip_file: str = ""
    """MaxMind DB file (`.mmdb`) that tells the countries of clients; empty: unknown."""
    functions_created_a_day: Count = 50
    """Functions that a project may make in a day, with `rate_limits`."""
    functions_max_source_bytes: Bytes = 30_000_000
    """Bytes of the code of a deployment, packed."""
    functions_endpoint: str = ""
    """Address at which functions reach the API, such as `https://example.com/v1`; empty: where the server
    listens."""
    functions_domain: str = "functions.localhost"
    """Domain below which functions get names that count as verified: let all names below it lead here."""
    rules_per_project: Count = 1_000
    """Domains that lead to the functions and the API of one project."""
    functions_build_timeout: PositiveSeconds = 900.0
    """Seconds that the build of a deployment may take."""
    functions_builds_at_once: Count = 2
    """Builds under way at the same time, of all projects."""
    functions_executions_at_once: Count = 16
    """Executions under way at the same time, of all projects, that nobody waits for: asynchronous ones, and
    those by schedules and events."""
    functions_executions_per_project: Count = 4
    """The same of one project."""
    functions_queue: Count = 10_000
    """Executions of one project that may wait, and as many that may be scheduled for later; further ones are
    refused with 429."""
    functions_tell_begin: bool = False
    """Tell of an asynchronous execution that begins, by an `update` in which it is `processing`. A program
    must not take the first `update` for the end then."""
    functions_execution_max_age: Count = 14 * 24 * 3600
    """Seconds that executions are kept that have ended."""
    health_time_server: Annotated[str, Meta(min_length=1)] = "pool.ntp.org"
    """NTP server (`host` or `host:port`) that `health.getTime` compares the clock with."""

    def __post_init__(self) -> None:
        try:
            parse_hops(tuple(self.trusted_hops))
        except ValueError as error:
            raise ValueError(f"setting 'trusted_hops': {error}") from None
        try:
            parse_provider(self.sms_provider, self.sms_url, self.sms_headers)
        except ValueError as error:
            raise ValueError(f"setting 'sms_provider': {error}") from None
        for setting in ("messaging_endpoints", "oauth2_endpoints"):
            for named in getattr(self, setting):
                name, _, url = named.partition("=")
                try:
                    if not name:
                        raise InvalidParameterError("each has the form NAME=URL")
                    Url().convert(url)
                except InvalidParameterError as error:
                    raise ValueError(f"setting '{setting}': {error}") from None
        checks: dict[str, Check] = {"functions_endpoint": Url(), "functions_domain": Domain()}
        for name, check in checks.items():
            try:
                if value := getattr(self, name):
                    check.convert(value)
            except InvalidParameterError as error:
                raise ValueError(f"setting '{name}': {error}") from None
