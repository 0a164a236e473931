"""Pictures that stand for files that are none. Runs in a worker."""

from __future__ import annotations

from typing import Final

from PIL import Image, ImageDraw

GROUND: Final = "eceff1"
"""The colour behind them where none is asked for."""

_SIZE: Final = 512
_LINE: Final = "#90a4ae"
_SHEET: Final = "#ffffff"
_WIDTH: Final = 14


def stand_in(kind: str) -> Image.Image:
    """A sheet with a folded corner; on it what ``kind`` says, or lines of text."""
    image = Image.new("RGBA", (2 * _SIZE, 2 * _SIZE), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    sheet = [(270, 170), (620, 170), (754, 304), (754, 854), (270, 854)]
    draw.polygon(sheet, fill=_SHEET, outline=_LINE, width=_WIDTH)
    draw.polygon([(620, 170), (620, 304), (754, 304)], fill="#cfd8dc", outline=_LINE, width=_WIDTH)
    if kind == "video":
        draw.polygon([(430, 440), (430, 700), (640, 570)], fill=_LINE)
    elif kind == "image":
        draw.ellipse((360, 420, 450, 510), fill=_LINE)
        draw.polygon([(330, 740), (480, 560), (560, 650), (610, 600), (700, 740)], fill=_LINE)
    else:
        for top in range(430, 750, 90):
            draw.rounded_rectangle((350, top, 674, top + 30), radius=15, fill=_LINE)
    return image.resize((_SIZE, _SIZE), Image.Resampling.LANCZOS)
