"""Security phrases: two words that a page and a mail show alike, so that a user sees they belong together."""

from __future__ import annotations

import secrets
from typing import Final

_FIRST: Final = """
    amber ancient autumn bold brave bright broad calm clear clever copper coral crisp curious daring
    deep early eager fair fine free fresh gentle golden grand green happy hidden honest humble ivory
    jolly keen kind late lively lucky merry mild modest noble northern olive open patient plain polite
    proud quick quiet rapid rare royal silent silver simple smooth southern steady still sunny swift
    warm wise
"""
_SECOND: Final = """
    anchor apple badger beacon birch breeze bridge candle canyon castle cedar cloud comet compass creek
    dolphin eagle ember falcon feather fern forest fountain garden glacier harbour hazel heron hill
    island juniper lagoon lantern lark lemon lighthouse maple meadow mirror moon mountain oak ocean
    orchard otter pebble pepper pine planet prairie raven reef river robin saffron sparrow star stream
    thistle tulip valley walnut willow window
"""


def new_phrase() -> str:
    """A phrase that is not likely to be the same twice in a row."""
    return f"{secrets.choice(_FIRST.split())} {secrets.choice(_SECOND.split())}"
