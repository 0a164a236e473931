"""The ``tidewire`` command: serve, manage projects and keys, listen and publish, show settings."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from tidewire import __version__
from tidewire.cli.options import settings_options
from tidewire.settings import Settings


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def main() -> None:
    """Tidewire: a self-hosted realtime backend for unmodified Appwrite SDKs."""


@main.command()
def version() -> None:
    """Print the version."""
    click.echo(f"tidewire {__version__}")


@main.command()
@settings_options()
def serve(settings: Settings) -> None:
    """Serve REST and realtime until SIGTERM or SIGINT, then drain and stop."""
    # What is made at start stays: looking through it for garbage again and again delays the first answer.
    gc.disable()
    from tidewire.cli.serve import run_server

    run_server(settings)


@main.command("settings")
@settings_options()
def show_settings(settings: Settings) -> None:
    """Print every setting with its value, and where it can be set."""
    from tidewire.cli.show import show_settings as show

    show(settings)


@main.command()
@click.argument("target")
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    default=None,
    help="Remove all but so many of the latest runs in the directory; if not given, none.",
)
@settings_options("data_dir", "network_file_systems")
def backup(settings: Settings, target: str, keep: int | None) -> None:
    """Back the data directory up to TARGET, a directory or a new .tar, .tar.gz or .tgz file."""
    from tidewire.cli.backup import make_backup

    make_backup(settings, target, keep)


@main.command()
@click.argument("source")
@click.option("--run", default=None, metavar="NAME", help="Of a directory's runs; the latest if not given.")
@click.option("--replace", is_flag=True, help="Move a data directory that is there to <name>.before-<time>.")
@settings_options("data_dir")
def restore(settings: Settings, source: str, run: str | None, replace: bool) -> None:
    """Make the data directory of the backup SOURCE, which `tidewire backup` made."""
    from tidewire.cli.backup import restore_backup

    restore_backup(settings, source, run, replace=replace)


@main.group()
def project() -> None:
    """Manage projects."""


@project.command("create")
@click.option(
    "--project", "project_id", default="unique()", help="Id of the new project; made up if not given."
)
@click.option("--name", default="", help="Name of the project; its id if not given.")
@settings_options("data_dir")
def create_project(settings: Settings, project_id: str, name: str) -> None:
    """Create a project and print its id."""
    from tidewire.cli.manage import create_project as create

    create(settings, project_id, name)


@project.command("list")
@settings_options("data_dir")
def list_projects(settings: Settings) -> None:
    """Print the projects."""
    from tidewire.cli.manage import list_projects as listing

    listing(settings)


@main.group()
def key() -> None:
    """Manage API keys."""


@key.command("create")
@click.option(
    "--project", "project_id", default="default", show_default=True, help="Id of the key's project."
)
@click.option("--name", default="Key", show_default=True, help="Name of the key.")
@click.option("--scopes", required=True, help="Scopes separated by commas, or `all`.")
@click.option(
    "--expires-in",
    type=click.FloatRange(min=0),
    default=None,
    help="Seconds until it expires; never if not given.",
)
@settings_options("data_dir")
def create_key(settings: Settings, project_id: str, name: str, scopes: str, expires_in: float | None) -> None:
    """Create an API key and print its secret, which is shown only now."""
    from tidewire.cli.manage import create_key as create

    create(settings, project_id, name, scopes, expires_in)


@main.group("dev-key")
def dev_key() -> None:
    """Manage dev keys, with which programs under development call from any page, as often as they like."""


@dev_key.command("create")
@click.option(
    "--project", "project_id", default="default", show_default=True, help="Id of the key's project."
)
@click.option("--name", default="Dev key", show_default=True, help="Name of the key.")
@click.option(
    "--expires-in",
    type=click.FloatRange(min=0),
    default=30 * 24 * 3600,
    show_default=True,
    help="Seconds until it expires.",
)
@settings_options("data_dir")
def create_dev_key(settings: Settings, project_id: str, name: str, expires_in: float) -> None:
    """Create a dev key and print its secret."""
    from tidewire.cli.manage import create_dev_key as create

    create(settings, project_id, name, expires_in)


@main.group()
def user() -> None:
    """Look after users of a project."""


@user.command("purge")
@click.argument("user_id")
@click.option("--project", "project_id", default="default", show_default=True, help="Id of the project.")
@settings_options("data_dir")
def purge_user(settings: Settings, project_id: str, user_id: str) -> None:
    """Delete the user USER_ID, if there still is one, and what logs and outboxes have of them."""
    from tidewire.cli.user_purge import purge_user as purge

    purge(settings, project_id, user_id)


@main.group()
def storage() -> None:
    """Look after stored files."""


@storage.command("rotate-key")
@settings_options("data_dir")
def rotate_key(settings: Settings) -> None:
    """Replace the secret behind the keys of encrypted files, which stay readable."""
    from tidewire.cli.storage import rotate_key as rotate

    rotate(settings)


@main.group()
def db() -> None:
    """Bring the rows of tables in and out."""


def _of_table(command: Callable[..., None]) -> Callable[..., None]:
    """Options that name a table, and the format of a file of its rows."""
    for option in (
        click.option(
            "--format",
            "file_format",
            type=click.Choice(["jsonl", "csv"]),
            default=None,
            help="Of the file; if not given, csv for a name that ends with .csv, otherwise jsonl.",
        ),
        click.option("--table", required=True, help="Id of the table or collection."),
        click.option("--database", required=True, help="Id of the database."),
        click.option("--project", default="default", show_default=True, help="Id of the project."),
    ):
        command = option(command)
    return command


@db.command("export")
@click.argument("file")
@_of_table
@settings_options("data_dir")
def export_table(
    settings: Settings, file: str, project: str, database: str, table: str, file_format: str | None
) -> None:
    """Write all rows of a table to FILE, or to standard output for -."""
    from tidewire.cli.table_export import export_rows
    from tidewire.cli.tables import Named

    export_rows(settings, Named(project, database, table), file, file_format)


@db.command("import")
@click.argument("file")
@_of_table
@click.option("--silent", is_flag=True, help="Write no events: neither subscribers nor webhooks learn of it.")
@click.option(
    "--relationships/--no-relationships",
    "relate",
    default=True,
    help="Relate the rows to those that the file names, which must be there. [on]",
)
@click.option(
    "--max-row-bytes",
    type=click.IntRange(min=1),
    default=16_000_000,
    show_default=True,
    help="Most bytes that a row of the file may have.",
)
@settings_options("data_dir")
def import_table(
    settings: Settings,
    file: str,
    project: str,
    database: str,
    table: str,
    file_format: str | None,
    silent: bool,
    relate: bool,
    max_row_bytes: int,
) -> None:
    """Create the rows of FILE, or of standard input for -, and change those that are there already."""
    from tidewire.cli.table_import import import_rows
    from tidewire.cli.tables import Named

    named = Named(project, database, table)
    import_rows(settings, named, file, file_format, silent=silent, relate=relate, max_row_bytes=max_row_bytes)


def _remote(command: Callable[..., None]) -> Callable[..., None]:
    """Options of commands that talk to a server, here or elsewhere."""
    for option in (
        click.option(
            "--key", envvar="TIDEWIRE_KEY", default="", help="Secret of an API key ($TIDEWIRE_KEY)."
        ),
        click.option(
            "--project",
            envvar="TIDEWIRE_PROJECT",
            default="default",
            show_default=True,
            help="Id of the project.",
        ),
        click.option(
            "--endpoint",
            envvar="TIDEWIRE_ENDPOINT",
            default="http://localhost:8090/v1",
            show_default=True,
            help="The server, as SDKs are given it.",
        ),
    ):
        command = option(command)
    return command


@main.command()
@click.argument("channels", nargs=-1, required=True)
@_remote
@click.option("--session", default="", help="Secret of a user's session, instead of a key.")
@click.option("--query", "queries", multiple=True, help="A query as JSON; all that are given must hold.")
@click.option("--since", default="", metavar="EPOCH:OFFSET", help="Begin with what came after this event.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.option("--count", type=click.IntRange(min=1), default=None, help="End after so many events.")
def listen(channels: tuple[str, ...], **given: Any) -> None:
    """Print the events of CHANNELS live, until interrupted."""
    from tidewire.cli.realtime import listen as run

    run(channels, **given)


@main.command()
@click.argument("channel")
@click.argument("payload")
@_remote
@click.option("--idempotency-key", default="", help="Publishing again with the same key does nothing.")
def publish(channel: str, payload: str, **given: str) -> None:
    """Publish PAYLOAD, a JSON object or - for standard input, on a custom CHANNEL."""
    from tidewire.cli.realtime import publish as run

    run(channel, payload, **given)


@main.group()
def functions() -> None:
    """Write functions."""


@functions.command("dev")
@click.argument("folder", default=".", type=click.Path(path_type=Path))
@click.option("--runtime", default="", help="Such as node-22; what the code asks for if not given.")
@click.option("--entrypoint", default="", help="The file with the function, within FOLDER.")
@click.option("--commands", default="", help="Of the build, such as `npm install`.")
@click.option("--build/--no-build", default=False, help="Run the commands first, at each change. [off]")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to serve on.")
@click.option("--port", default=3000, show_default=True, help="Port to serve on; 0 for any.")
@click.option(
    "--env", "variables", multiple=True, metavar="NAME=VALUE", help="A variable, beside those of FOLDER/.env."
)
@click.option(
    "--on",
    "channels",
    multiple=True,
    metavar="CHANNEL",
    help="Run it for the events of a channel of the server.",
)
@_remote
@settings_options("functions_sandbox", "functions_runtime_folders", "functions_network")
def functions_dev(settings: Settings, folder: Path, variables: tuple[str, ...], **given: Any) -> None:
    """Run FOLDER as a function that each request to the port calls, print its logs, reload what changes."""
    from tidewire.cli.functions_dev import DevOptions, run_functions_dev

    pairs = dict(each.partition("=")[::2] for each in variables)
    run_functions_dev(settings, DevOptions(folder=folder.resolve(), variables=pairs, **given))
