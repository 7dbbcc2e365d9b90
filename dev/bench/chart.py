"""Bars as an SVG file: readable on light and on dark, no script, no font of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH = 760
LABEL = 262
BAR_ROOM = 360
ROW = 26
TOP = 44
STYLE = """
text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #24292f }
.title { font-weight: 600 } .value { font-variant-numeric: tabular-nums }
.bar { fill: #8c959f } .ours { fill: #1f6feb } .note { fill: #57606a }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .bar { fill: #6e7681 } .ours { fill: #58a6ff } .note { fill: #9198a1 }
}
"""


@dataclass(frozen=True)
class Bar:
    """``ours`` stands out by its colour, and by its bold label for whoever doesn't see colours."""

    label: str
    value: float
    note: str
    ours: bool


def draw_bars(title: str, bars: Sequence[Bar]) -> str:
    """Horizontal bars from one zero, the longest across the whole room; each with its figure in words."""
    height = TOP + ROW * len(bars) + 12
    longest = max(bar.value for bar in bars)
    rows = [_row(bar, TOP + ROW * number, longest) for number, bar in enumerate(bars)]
    spoken = "; ".join(f"{bar.label}: {bar.note}" for bar in bars)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}"'
            f' height="{height}" role="img" aria-labelledby="title desc">',
            f'<title id="title">{escape(title)}</title>',
            f'<desc id="desc">{escape(spoken)}</desc>',
            f"<style>{STYLE}</style>",
            f'<text class="title" x="8" y="24">{escape(title)}</text>',
            *rows,
            "</svg>\n",
        ]
    )


def _row(bar: Bar, y: int, longest: float) -> str:
    width = max(1.5, bar.value / longest * BAR_ROOM)
    kind = "ours" if bar.ours else "bar"
    weight = ' class="title"' if bar.ours else ""
    return (
        f'<text{weight} x="{LABEL - 8}" y="{y + 14}" text-anchor="end">{escape(bar.label)}</text>'
        f'<rect class="{kind}" x="{LABEL}" y="{y + 1}" width="{width:.1f}" height="{ROW - 8}" rx="2"/>'
        f'<text class="value" x="{LABEL + width + 8:.1f}" y="{y + 14}">{escape(bar.note)}</text>'
    )
