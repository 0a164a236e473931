"""``tidewire storage``: work on what is stored of files, in use by a server or not."""

from __future__ import annotations

import click

from tidewire.cli.manage import with_instance
from tidewire.settings import Settings
from tidewire.store.upkeep.file_secrets import rotate_file_secret


def rotate_key(settings: Settings) -> None:
    """Replace the secret that keys of encrypted files are sealed with; print what was done."""
    done = with_instance(settings, rotate_file_secret)
    click.echo(f"Keys of {done.renewed} objects are sealed with secret {done.generation}.")
    if done.unreadable:
        click.echo(f"Keys of {done.unreadable} objects cannot be opened: their secret is gone.")
