"""Known answers of every scheme that can be imported."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidewire.services.password_hashes import (
    SHA_VERSIONS,
    InvalidHashError,
    check_hash,
    describe_hash,
    verify_hash,
)
from tidewire.services.passwords import PasswordHasher

# The example that Firebase publishes with its scrypt.
FIREBASE = {
    "salt": "42xEC+ixf3L2lw==",
    "saltSeparator": "Bw==",
    "signerKey": "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==",
}
FIREBASE_HASH = "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ=="


def scrypt(salt: str, cpu: int, memory: int, parallel: int, length: int) -> dict[str, Any]:
    return {"salt": salt, "costCpu": cpu, "costMemory": memory, "costParallel": parallel, "length": length}


RFC_7914 = (
    "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac"
    "727afb94a83ee6d8360cbdfa2cc0640"
)
KNOWN: list[tuple[str, str, dict[str, Any], str]] = [
    (
        "argon2",
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        {},
        "password",
    ),
    (
        "argon2",
        "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8",
        {},
        "password",
    ),
    ("bcrypt", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", {}, "U*U"),
    ("bcrypt", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK", {}, "U*U*"),
    ("md5", "5f4dcc3b5aa765d61d8327deb882cf99", {}, "password"),
    ("md5", "5F4DCC3B5AA765D61D8327DEB882CF99", {}, "password"),
    ("sha", "5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8", {"version": "sha1"}, "password"),
    ("sha", "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7", {"version": "sha224"}, "abc"),
    (
        "sha",
        "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8",
        {"version": "sha256"},
        "password",
    ),
    (
        "sha",
        "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
        {"version": "sha384"},
        "abc",
    ),
    ("sha", "4634270f707b6a54daae7530460842e20e37ed265ceee9a43e8924aa", {"version": "sha512/224"}, "abc"),
    (
        "sha",
        "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23",
        {"version": "sha512/256"},
        "abc",
    ),
    (
        "sha",
        "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532",
        {"version": "sha3-256"},
        "abc",
    ),
    (
        "sha",
        (
            "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e"
            "10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0"
        ),
        {},
        "abc",
    ),
    ("phpass", "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0", {}, "test12345"),
    ("phpass", "$H$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0", {}, "test12345"),
    ("phpass", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", {}, "U*U"),
    ("scrypt", RFC_7914, scrypt("NaCl", 1024, 8, 16, 64), "password"),
    (
        "scrypt",
        (
            "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e"
            "61e85dc0d651e40dfcf017b45575887"
        ),
        scrypt("SodiumChloride", 16384, 8, 1, 64),
        "pleaseletmein",
    ),
    ("scryptMod", FIREBASE_HASH, FIREBASE, "user1password"),
]


@pytest.mark.parametrize(("scheme", "text", "options", "password"), KNOWN)
def test_known_answers(scheme: str, text: str, options: dict[str, Any], password: str) -> None:
    check_hash(scheme, text, options)
    assert verify_hash(scheme, text, options, password)
    assert not verify_hash(scheme, text, options, password + "x")
    assert not verify_hash(scheme, text, options, "")


def test_every_sha_is_there() -> None:
    for version in SHA_VERSIONS:
        assert not verify_hash("sha", "00", {"version": version}, "password")


@pytest.mark.parametrize(
    ("scheme", "text", "options"),
    [
        ("argon2", "$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghk", {}),
        ("argon2", "$argon2id$v=19$m=256,t=1000000,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghk", {}),
        ("argon2", "5f4dcc3b5aa765d61d8327deb882cf99", {}),
        ("bcrypt", "$2a$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", {}),
        ("bcrypt", "$2a$05$CCCC", {}),
        ("md5", "5f4dcc3b", {}),
        ("md5", "zz4dcc3b5aa765d61d8327deb882cf99", {}),
        ("sha", "password", {}),
        ("phpass", "$P$SIQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0", {}),
        ("phpass", "$P$9IQRaTwmf", {}),
        ("scrypt", "00", scrypt("salt", 1000, 8, 1, 64)),
        ("scrypt", "00", scrypt("salt", -1, 8, 1, 64)),
        ("scrypt", "00", scrypt("salt", 1024, 0, 1, 64)),
        ("scrypt", "00", scrypt("salt", 1024, 8, 1, 0)),
        ("scrypt", "00", scrypt("salt", 2**30, 2**30, 1, 64)),
        ("scrypt", "00", scrypt("salt", 2, 1, 2**30, 64)),
        ("scryptMod", "§", FIREBASE),
        ("scryptMod", FIREBASE_HASH, FIREBASE | {"signerKey": "a"}),
    ],
)
def test_what_is_malformed_or_ruinous_is_refused(scheme: str, text: str, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidHashError):
        check_hash(scheme, text, options)


@pytest.mark.parametrize("scheme", ["argon2", "bcrypt", "md5", "sha", "phpass"])
@given(text=st.text(max_size=256) | st.from_regex(r"\$(P|H|2y|argon2id)\$.{0,80}"))
@settings(max_examples=50, deadline=None)
def test_any_text_is_refused_or_can_be_verified(scheme: str, text: str) -> None:
    try:
        check_hash(scheme, text, {})
    except InvalidHashError:
        return
    verify_hash(scheme, text, {}, "password")


def test_descriptions() -> None:
    assert describe_hash("argon2", KNOWN[0][1], {}) == {
        "type": "argon2",
        "memoryCost": 256,
        "timeCost": 2,
        "threads": 1,
    }
    assert describe_hash("scryptMod", FIREBASE_HASH, FIREBASE) == {"type": "scryptMod", **FIREBASE}
    assert describe_hash("scrypt", RFC_7914, scrypt("NaCl", 1024, 8, 16, 64)) == {
        "type": "scrypt",
        "salt": "NaCl",
        "costCpu": 1024,
        "costMemory": 8,
        "costParallel": 16,
        "length": 64,
    }
    assert describe_hash("md5", "5f4dcc3b5aa765d61d8327deb882cf99", {}) == {"type": "md5"}
    assert describe_hash("sha", "aa", {}) == {"type": "sha", "version": "sha3-512"}
    assert describe_hash("sha", "aa", {"version": "sha256"}) == {"type": "sha", "version": "sha256"}
    assert describe_hash("", "", {}) == {}


async def test_hashes_of_others_are_outdated() -> None:
    hasher = PasswordHasher(time_cost=1, memory_cost=8)
    own = await hasher.hash("password")
    assert not hasher.is_outdated(own, "argon2")
    assert hasher.is_outdated(KNOWN[0][1], "argon2")
    assert hasher.is_outdated("5f4dcc3b5aa765d61d8327deb882cf99", "md5")
    assert await hasher.verify("5f4dcc3b5aa765d61d8327deb882cf99", "password", "md5")
    assert not await hasher.verify("5f4dcc3b5aa765d61d8327deb882cf99", "passwort", "md5")
    assert not await hasher.verify("5f4dcc3b5aa765d61d8327deb882cf99", "password", "sha", {"version": ""})
    hasher.close()
