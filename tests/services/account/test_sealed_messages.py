"""Links and codes of mails and text messages that wait to be sent cannot be read in the files."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from tests.services.account.site import Site

PHONE = "+15550123456"


def test_what_waits_to_be_sent_is_sealed(site: Site) -> None:
    ada = site.person(signed_in=False)
    visitor = site.visitor()
    visitor.expect(201, "POST", "/recovery", email=ada.email, url="http://localhost/recover")
    visitor.expect(201, "POST", "/tokens/phone", userId="texted", phone=PHONE)
    secret, code = site.link_to(ada.email)["secret"], site.code_to(PHONE)
    content = {}
    for path in Path(site.api.settings.data_dir).rglob("*"):
        with suppress(FileNotFoundError, IsADirectoryError):  # what SQLite removes meanwhile holds nothing
            content[path] = path.read_bytes()
    assert any(path.name.endswith("-wal") and PHONE.encode() in each for path, each in content.items())
    for path, each in content.items():
        assert secret.encode() not in each, path
        assert f" {code} ".encode() not in each.replace(b".", b" "), path
        assert b"Reset your password" not in each, path
