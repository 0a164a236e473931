"""Links and codes of mails and text messages can neither be read in the files nor be found by trying."""

from __future__ import annotations

from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from tests.services.account.site import Site

PHONE = "+15550123456"


def test_what_waits_to_be_sent_is_sealed(site: Site) -> None:
    ada = site.person(signed_in=False)
    visitor = site.visitor()
    visitor.expect(201, "POST", "/recovery", email=ada.email, url="http://localhost/recover")
    visitor.expect(201, "POST", "/tokens/phone", userId="texted", phone=PHONE)
    secret, code = site.link_to(ada.email)["secret"], site.code_to(PHONE)
    content = _files(site)
    assert any(path.name.endswith("-wal") and PHONE.encode() in each for path, each in content.items())
    for path, each in content.items():
        assert secret.encode() not in each, path
        assert f" {code} ".encode() not in each.replace(b".", b" "), path
        assert b"Reset your password" not in each, path


def test_short_codes_are_kept_under_a_key(site: Site) -> None:
    """A code has six digits: who reads the files tries a million plain hashes in a second."""
    ada = site.person(signed_in=False)
    visitor = site.visitor()
    visitor.expect(201, "POST", "/tokens/email", userId=ada.id, email=ada.email)
    visitor.expect(201, "POST", "/tokens/phone", userId="texted", phone=PHONE)
    for code in (site.code_to(ada.email), site.code_to(PHONE)):
        plain = sha256(code.encode()).hexdigest().encode()
        assert not [path for path, each in _files(site).items() if plain in each]


def _files(site: Site) -> dict[Path, bytes]:
    content = {}
    for path in Path(site.api.settings.data_dir).rglob("*"):
        with suppress(FileNotFoundError, IsADirectoryError):  # what SQLite removes meanwhile holds nothing
            content[path] = path.read_bytes()
    return content
