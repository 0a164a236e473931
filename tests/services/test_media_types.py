from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewire.services.storage.media_types import media_type

PNG = b"\x89PNG\r\n\x1a\n" + bytes(50)


@pytest.mark.parametrize(
    ("name", "head", "expected"),
    [
        ("a.png", PNG, "image/png"),
        ("a", PNG, "image/png"),
        ("a.txt", PNG, "image/png"),
        ("a.jpg", b"\xff\xd8\xff\xe0" + bytes(40), "image/jpeg"),
        ("a.webp", b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        ("a.pdf", b"%PDF-1.4\n%\xe2\xe3", "application/pdf"),
        ("a.zip", b"PK\3\4" + bytes(60), "application/zip"),
        ("a.txt", b"hello", "text/plain"),
        ("README", b"hello", "text/plain"),
        ("a.html", b"<html>", "text/html"),
        ("a.css", b"body {}", "text/css"),
        ("a.json", b'{"a": 1}', "application/json"),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"),
        ("notes.txt", "BM – bold moves".encode(), "text/plain"),
        ("a.txt", "é".encode()[:1], "text/plain"),
        ("picture.png", b"no picture", "text/plain"),
        ("a.txt", bytes(range(20)), "application/octet-stream"),
        ("a.bin", b"", "application/octet-stream"),
        ("a.txt", b"", "text/plain"),
    ],
)
def test_content_decides_and_the_name_helps(name: str, head: bytes, expected: str) -> None:
    assert media_type(name, head) == expected


@given(st.text(max_size=300), st.binary(max_size=9000))
def test_any_content_has_a_type(name: str, head: bytes) -> None:
    family, _, subtype = media_type(name, head).partition("/")
    assert family and subtype
