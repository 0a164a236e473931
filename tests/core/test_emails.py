from __future__ import annotations

import pytest

from tidewire.core.emails import mailbox


@pytest.mark.parametrize(
    ("email", "canonical"),
    [
        ("ada@example.com", "ada@example.com"),
        ("a.d.a+spam@gmail.com", "ada@gmail.com"),
        ("ada@googlemail.com", "ada@gmail.com"),
        ("a.da+x+y@outlook.com", "a.da@outlook.com"),
        ("a.da+x@example.com", "a.da+x@example.com"),
        ("+tag@gmail.com", "+tag@gmail.com"),
    ],
)
def test_one_spelling_for_one_mailbox(email: str, canonical: str) -> None:
    found = mailbox(email)
    assert found.email_canonical == canonical
    assert found.email_is_canonical == (email == canonical)


@pytest.mark.parametrize(
    ("domain", "kind"),
    [
        ("gmail.com", "free"),
        ("web.de", "free"),
        ("qq.com", "free"),
        ("mailinator.com", "disposable"),
        ("10minutemail.co.za", "disposable"),  # in both lists
        ("example.com", "corporate"),
        ("mail.example.com", "corporate"),
    ],
)
def test_every_address_is_of_one_kind(domain: str, kind: str) -> None:
    found = mailbox(f"ada@{domain}")
    kinds = {
        "free": found.email_is_free,
        "disposable": found.email_is_disposable,
        "corporate": found.email_is_corporate,
    }
    assert kinds == {each: each == kind for each in kinds}
