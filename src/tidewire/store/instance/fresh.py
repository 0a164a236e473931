"""A fresh instance: one whose console has no account yet."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tidewire.settings import Settings
from tidewire.store.instance.data_directory import database_path
from tidewire.store.instance.platform import CONSOLE_PROJECT_ID
from tidewire.store.secrets.purposes import sign_up_code
from tidewire.store.secrets.secret_file import SECRETS_NAME, load_secrets


def code_of_fresh_instance(settings: Settings) -> str:
    """The code for the console's first account, if that can be made with one; else an empty text."""
    if settings.console_signup != "first":
        return ""
    directory = Path(settings.data_dir)
    path = database_path(directory, CONSOLE_PROJECT_ID).resolve()
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=10)) as console:
        if console.execute("SELECT 1 FROM users LIMIT 1").fetchone() is not None:
            return ""
    generated = load_secrets(directory / SECRETS_NAME, create=False).jwt_secret
    return sign_up_code(settings.secret_key.encode() or generated)
