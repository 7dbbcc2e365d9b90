"""Draw bar charts as SVG: readable on light and dark, without script or fonts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, LABEL, BAR_ROOM, ROW, TOP = 760, 262, 360, 26, 44
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
    """``ours`` stands out by its colour and its bold label."""

    label: str
    value: float
    note: str
    ours: bool


def draw_bars(title: str, bars: Sequence[Bar]) -> str:
    """Draw horizontal bars from zero, the longest across the full width, each with its figure."""
    height = TOP + ROW * len(bars) + 12
    longest = max(bar.value for bar in bars)
    rows = "\n".join(_row(bar, TOP + ROW * number, longest) for number, bar in enumerate(bars))
    spoken = "; ".join(f"{bar.label}: {bar.note}" for bar in bars)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}"\
 height="{height}" role="img" aria-labelledby="title desc">
<title id="title">{escape(title)}</title>
<desc id="desc">{escape(spoken)}</desc>
<style>{STYLE}</style>
<text class="title" x="8" y="24">{escape(title)}</text>
{rows}
</svg>

"""


def _row(bar: Bar, y: int, longest: float) -> str:
    width = max(1.5, bar.value / longest * BAR_ROOM)
    kind, weight = ("ours", ' class="title"') if bar.ours else ("bar", "")
    return (
        f'<text{weight} x="{LABEL - 8}" y="{y + 14}" text-anchor="end">{escape(bar.label)}</text>'
        f'<rect class="{kind}" x="{LABEL}" y="{y + 1}" width="{width:.1f}" height="{ROW - 8}" rx="2"/>'
        f'<text class="value" x="{LABEL + width + 8:.1f}" y="{y + 14}">{escape(bar.note)}</text>'
    )
