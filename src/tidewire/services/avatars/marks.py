"""Marks of browsers, cards and countries: tiles of our own, and flags under a free licence."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import cache
from importlib.resources import files
from typing import Annotated, Final

from tidewire.core.checks.numbers import Whole
from tidewire.core.checks.texts import AnyCaseChoice
from tidewire.core.downloads import Download
from tidewire.pictures.contract import Job, Rendering, Tile
from tidewire.services.avatars import operations
from tidewire.services.context import Context
from tidewire.services.pictures import MODIFIED, kept_picture, tag_of

_BROWSERS: Final = {
    "aa": ("Av", "d9a321"), "an": ("An", "3ddc84"), "ch": ("Ch", "4285f4"), "ci": ("Ci", "4285f4"),
    "cm": ("Cm", "34a853"), "cr": ("Cr", "5b86c4"), "ff": ("Fx", "ff7139"), "sf": ("Sf", "1b88ca"),
    "mf": ("Ms", "1b88ca"), "ps": ("Ed", "0c7c8c"), "oi": ("Ei", "0c7c8c"), "om": ("Om", "cc0f16"),
    "op": ("Op", "fa1e4e"), "on": ("On", "8c1c3c"),
}  # fmt: skip
_CARDS: Final = {
    "amex": ("AMEX", "2e77bb"), "argencard": ("Argencard", "3c4a8a"), "cabal": ("Cabal", "1f5c9c"),
    "cencosud": ("Cencosud", "0d5eaf"), "diners": ("Diners", "1a4f8b"), "discover": ("Discover", "d8741b"),
    "elo": ("elo", "222222"), "hipercard": ("Hipercard", "a3161c"), "jcb": ("JCB", "0b7a3b"),
    "mastercard": ("Mastercard", "b3401c"), "naranja": ("Naranja", "e8590c"),
    "targeta-shopping": ("Shopping", "7a2e8e"), "unionpay": ("UnionPay", "00707a"),
    "visa": ("VISA", "1a1f71"), "mir": ("MIR", "0f754e"), "maestro": ("Maestro", "2b5fb4"),
    "rupay": ("RuPay", "1f4a7c"),
}  # fmt: skip
_FLAGS: Final = """
    af ao al ad ae ar am ag au at az bi be bj bf bd bg bh bs ba by bz bo br bb bn bt bw cf ca ch cl cn ci
    cm cd cg co km cv cr cu cy cz de dj dm dk do dz ec eg er es ee et fi fj fr fm ga gb ge gh gn gm gw gq
    gr gd gt gy hn hr ht hu id in ie ir iq is il it jm jo jp kz ke kg kh ki kn kr kw la lb lr ly lc li lk
    ls lt lu lv ma mc md mg mv mx mh mk ml mt mm me mn mz mr mu mw my na ne ng ni nl no np nr nz om pk pa
    pe ph pw pg pl pf kp pt py qa ro ru rw sa sd sn sg sb sl sv sm so rs ss st sr sk si se sz sc sy td tg
    th tj tm tl to tt tn tr tv tz ug ua uy us uz va vc ve vn vu ws ye za zm zw
"""
_FOLDER: Final = "avatars/marks"

Side = Annotated[int, Whole(0, 2000)]
Quality = Annotated[int, Whole(-1, 100)]


@operations.declare("getBrowser", "GET", "/avatars/browsers/{code}", scopes=("avatars.read",))
async def get_browser(
    context: Context,
    code: Annotated[str, AnyCaseChoice(tuple(_BROWSERS))],
    width: Side = 100,
    height: Side = 100,
    quality: Quality = -1,
) -> Download:
    """Get a tile that stands for a browser."""
    text, color = _BROWSERS[code]
    job = Tile(shape="square", text=text, color=color, width=width, height=height, quality=quality)
    return await _mark(context, code, job)


@operations.declare("getCreditCard", "GET", "/avatars/credit-cards/{code}", scopes=("avatars.read",))
async def get_credit_card(
    context: Context,
    code: Annotated[str, AnyCaseChoice(tuple(_CARDS))],
    width: Side = 100,
    height: Side = 100,
    quality: Quality = -1,
) -> Download:
    """Get a card with the name of who issues it."""
    text, color = _CARDS[code]
    job = Tile(shape="card", text=text, color=color, width=width, height=height, quality=quality)
    return await _mark(context, code, job)


@operations.declare("getFlag", "GET", "/avatars/flags/{code}", scopes=("avatars.read",))
async def get_flag(
    context: Context,
    code: Annotated[str, AnyCaseChoice(tuple(_FLAGS.split()))],
    width: Side = 100,
    height: Side = 100,
    quality: Quality = -1,
) -> Download:
    """Get the flag of a country, by its code of two letters (ISO 3166-1)."""
    job = Rendering(width=width, height=height, quality=quality, output="png")

    async def flag() -> AsyncIterator[bytes]:
        yield _flag(code)

    return await kept_picture(
        context,
        code,
        job,
        tag=tag_of(job, code),
        folder=_FOLDER,
        modified=MODIFIED,
        content=flag,
        size=len(_flag(code)),
    )


async def _mark(context: Context, code: str, job: Job) -> Download:
    return await kept_picture(context, code, job, tag=tag_of(job), folder=_FOLDER, modified=MODIFIED)


@cache
def _flag(code: str) -> bytes:
    return files("tidewire.pictures").joinpath(f"static/flags/{code}.webp").read_bytes()
