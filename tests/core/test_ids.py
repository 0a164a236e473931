"""Ids of resources."""

from __future__ import annotations

import pytest

from tidewire.core.ids import is_id, unique_id


@pytest.mark.parametrize("value", ["a", "0", "A-z_0.9", "x" * 36, "unique.create"])
def test_ids(value: str) -> None:
    assert is_id(value)


@pytest.mark.parametrize(
    "value", ["", ".a", "_a", "-a", "x" * 37, "a b", "a/b", "..", "é", "a\n", "a\0", "unique()", "٣"]
)
def test_texts_that_are_no_ids(value: str) -> None:
    assert not is_id(value)


def test_unique_ids_are_ids_of_20_hexadecimal_digits() -> None:
    ids = [unique_id() for _ in range(1000)]
    assert len(set(ids)) == len(ids)
    assert all(is_id(value) and len(value) == 20 and int(value, 16) for value in ids)
    assert [value[:13] for value in ids] == sorted(value[:13] for value in ids)
