"""Keys of stored files: one for each object, opened by its project alone, sealed anew for a new secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidewire.store.errors import StoreError
from tidewire.store.secrets.file_keys import FileKeys, FileSecrets, SealedKeyError
from tidewire.store.secrets.secret_file import (
    FileSecret,
    load_secrets,
    read_secrets,
    replace_file_secrets,
    settle_secrets,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "secrets.json"
    load_secrets(path, create=True)
    settle_secrets(path)
    return path


def keys_of(path: Path, project: str = "shop") -> FileKeys:
    return FileKeys(FileSecrets(path, read_secrets(path)), project)


def test_a_key_is_opened_for_its_object_and_its_project_alone(path: Path) -> None:
    keys = keys_of(path)
    key, sealed = keys.new("a")
    assert keys_of(path).open(sealed, "a") == key
    assert keys.new("a")[0] != key
    for other, name in ((keys, "b"), (keys_of(path, "bank"), "a")):
        with pytest.raises(SealedKeyError):
            other.open(sealed, name)
    for text in ("", "0.", "0.AAAA", "x.AAAA", "7." + sealed[2:], sealed[:-4] + "AAAA", sealed[:-5]):
        with pytest.raises(SealedKeyError):
            keys.open(text, "a")


def test_a_new_secret_is_noticed_and_old_keys_are_sealed_anew(path: Path) -> None:
    keys = keys_of(path)
    key, sealed = keys.new("a")
    assert sealed.startswith("0.")
    before = read_secrets(path).jwt_secret
    replace_file_secrets(path, [FileSecret(1, b"s" * 32, 5)])
    assert read_secrets(path).jwt_secret == before
    assert (path.stat().st_mode & 0o777) == 0o600
    renewed = keys.renewed(sealed, "a")
    assert renewed.startswith("1.")
    assert keys.open(renewed, "a") == keys_of(path).open(sealed, "a") == key
    assert keys.new("b")[1].startswith("1.")
    replace_file_secrets(path, [FileSecret(2, b"t" * 32, 6)])
    with pytest.raises(SealedKeyError, match="generation 1"):
        keys_of(path).open(renewed, "a")


def test_a_damaged_file_is_refused(path: Path) -> None:
    replace_file_secrets(path, [FileSecret(1, b"short", 5)])
    with pytest.raises(StoreError, match="shorter"):
        read_secrets(path)
    path.write_text('{"jwt_secret": "ab", "file_secrets": 7}')
    with pytest.raises(StoreError, match="damaged"):
        read_secrets(path)
