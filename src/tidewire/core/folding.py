"""Text without the case of its letters, by which filters and searches compare it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from typing import Final

_LARGEST: Final = 0x1FFFF
"""The last character that is looked at; no letter with upper and lower case comes after it."""
_MOST_BEGINNINGS: Final = 8
"""The most spellings in which the beginning of a text is given."""


def fold(text: str) -> str:
    """The text without the case of its letters, as Unicode folds it; but ``İ`` becomes ``i`` alone."""
    return text.lower() if text.isascii() else text.replace("İ", "i").casefold()


def beginnings(folded: str) -> list[str]:
    """How texts may begin that become, folded, one that begins with ``folded``: each with one of these.

    There are a few of them, so they are shorter where letters have many forms.
    """
    open_: list[str] = [""]
    closed: list[str] = []
    for letter in folded:
        same, more = _spellings().get(letter, ("", ""))
        same += letter
        if len(open_) * len(same + more) + len(closed) > _MOST_BEGINNINGS:
            break
        closed += [before + each for before in open_ for each in more]
        open_ = [before + each for before in open_ for each in same]
    return [*open_, *closed]


@cache
def _spellings() -> Mapping[str, tuple[str, str]]:
    """For each character the others that fold to it alone, and those that fold to several characters of which
    it is the first."""
    same: defaultdict[str, str] = defaultdict(str)
    more: defaultdict[str, str] = defaultdict(str)
    for letter in map(chr, range(_LARGEST + 1)):
        folded = fold(letter)
        if folded != letter:
            (same if len(folded) == 1 else more)[folded[0]] += letter
    return {letter: (same[letter], more[letter]) for letter in {*same, *more}}
