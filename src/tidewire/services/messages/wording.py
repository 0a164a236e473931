"""The words of messages, with placeholders: one kind of mail, and all messages of one language."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec

PLACEHOLDER: Final = re.compile(r"{{(\w+)}}")


class Wording(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The words of one kind of mail; ``{{name}}`` stands for the value called ``name``."""

    subject: str
    before: tuple[str, ...]
    """Paragraphs above the link or code."""
    after: tuple[str, ...]
    """Paragraphs below it."""
    button: str = ""
    """What the link is called; empty if the mail has none."""
    code: bool = False
    """Whether the mail brings a code, ``{{otp}}``."""


class Language(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    """All that people are told, in one language."""

    code: str
    """As BCP 47 has it."""
    greeting: str
    """To ``{{user}}``."""
    greeting_nobody: str
    """To somebody whose name is not known."""
    link_fallback: str
    """Stands above the address of a button."""
    phrase: str
    """Tells of the security phrase, ``{{phrase}}``."""
    unknown: str
    """In place of a value that nobody knows."""
    somebody: str
    """In place of the name of who invites."""
    verification: Wording
    magic_session: Wording
    recovery: Wording
    invitation: Wording
    mfa_challenge: Wording
    session_alert: Wording
    otp_session: Wording
    otp_text: str
    """The text messages: each is one line with ``{{otp}}``, the last one with ``{{redirect}}``."""
    mfa_text: str
    verification_text: str
    invitation_text: str
    right_to_left: bool = False


def fill(words: str, values: Mapping[str, str]) -> str:
    """The words with values for their placeholders.

    A value is inserted as it is, placeholders in it stay; so do those that are called otherwise.
    """
    return PLACEHOLDER.sub(lambda place: values.get(place[1], place[0]), words)


def one_line(text: str) -> str:
    """The text without line breaks and other control characters, which have a meaning in mail headers."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())
