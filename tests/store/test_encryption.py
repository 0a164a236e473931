"""Sealed values: only the key that sealed them opens them."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewire.store.secrets.encryption import Encryption, SealError

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
ONE = Encryption(b"1" * 32)
ANOTHER = Encryption(b"2" * 32)


@given(TEXTS)
def test_what_is_sealed_can_be_opened(text: str) -> None:
    sealed = ONE.seal(text)
    assert Encryption(b"1" * 32).open(sealed) == text
    assert ONE.seal(text) != sealed
    assert not text or len(text) < 3 or text not in sealed
    with pytest.raises(SealError):
        ANOTHER.open(sealed)


@given(TEXTS, st.integers(0, 1000), st.sampled_from("Ab0-_x"))
def test_no_change_goes_unnoticed(text: str, place: int, other: str) -> None:
    sealed = ONE.seal(text)
    position = place % len(sealed)
    changed = sealed[:position] + other + sealed[position + 1 :]
    try:
        opened = ONE.open(changed)
    except SealError:
        return
    # Spare bits at the end of base64 mean nothing.
    assert opened == text
    assert changed == sealed or position >= len(sealed) - 4


@pytest.mark.parametrize("sealed", ["", "v1.", "v1.AAAA", "plain", "v2.AAAAAAAA", "v1.\ud800", "v1.ü"])
def test_what_was_never_sealed(sealed: str) -> None:
    with pytest.raises(SealError):
        ONE.open(sealed)


@given(TEXTS, TEXTS)
def test_a_digest_is_that_of_one_text_under_one_key(text: str, other: str) -> None:
    digest = ONE.digest(text)
    assert Encryption(b"1" * 32).digest(text) == digest != ANOTHER.digest(text)
    assert (ONE.digest(other) == digest) == (other == text)
    assert sha256(text.encode()).hexdigest() != digest
