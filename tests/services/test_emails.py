from __future__ import annotations

import pytest

from tidewire.services.account.emails import mailbox


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


def test_only_what_is_known_is_said() -> None:
    assert mailbox("ada@gmail.com").email_is_free is True
    assert mailbox("ada@gmail.com").email_is_corporate is False
    unknown = mailbox("ada@example.com")
    assert (unknown.email_is_free, unknown.email_is_disposable, unknown.email_is_corporate) == (None,) * 3
