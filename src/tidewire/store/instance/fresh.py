"""A fresh instance: one whose console has no account yet."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import literal_column, select

from tidewire.settings import Settings
from tidewire.store.engine.files import looked_into
from tidewire.store.instance.data_directory import database_path
from tidewire.store.instance.instance import CONSOLE_PROJECT_ID
from tidewire.store.schema import users
from tidewire.store.secrets.purposes import sign_up_code
from tidewire.store.secrets.secret_file import SECRETS_NAME, load_secrets


def code_of_fresh_instance(settings: Settings) -> str:
    """The code for the console's first account, if that can be made with one; else an empty text."""
    if settings.console_signup != "first":
        return ""
    directory = Path(settings.data_dir)
    with looked_into(database_path(directory, CONSOLE_PROJECT_ID)) as look:
        if look(select(users.c.sequence).limit(literal_column("1"))):
            return ""
    generated = load_secrets(directory / SECRETS_NAME, create=False).jwt_secret
    return sign_up_code(settings.secret_key.encode() or generated)
