"""Keys of rate limits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewire.core.rate_limits import RateLimit

VALUES = {"url": "/account", "ip": "203.0.113.7", "userId": "u1", "method": "POST", "chunkId": "1"}


def test_every_key_is_filled() -> None:
    limit = RateLimit(10, 60, ("url:{url},email:{param-email}", "ip:{ip},userId:{userId}"))
    assert limit.filled_keys(VALUES, {"email": "a@example.com"}) == [
        "url:/account,email:a@example.com",
        "ip:203.0.113.7,userId:u1",
    ]


@pytest.mark.parametrize("email", ["A@Example.com", " a@example.com ", "a@EXAMPLE.COM"])
def test_spelling_does_not_give_another_try(email: str) -> None:
    limit = RateLimit(10, 60, ("email:{param-email}",))
    assert limit.filled_keys(VALUES, {"email": email}) == ["email:a@example.com"]


@pytest.mark.parametrize("value", [None, [], {"a": 1}, 1.5])
def test_what_is_no_text_counts_as_empty(value: object) -> None:
    assert RateLimit(1, 1, ("x:{param-x}",)).filled_keys(VALUES, {"x": value}) == ["x:"]


def test_unknown_placeholders_are_refused() -> None:
    with pytest.raises(ValueError, match="userid"):
        RateLimit(1, 1, ("userid:{userid}",))


@given(st.text())
def test_values_are_not_filled_again(text: str) -> None:
    (key,) = RateLimit(1, 1, ("{param-x}",)).filled_keys(VALUES, {"x": text + "{ip}"})
    assert "203.0.113.7" not in key or "203.0.113.7" in text.lower()
