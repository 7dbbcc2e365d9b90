"""Write PDFs in the site's font.

The bundled DejaVu Sans covers Latin, Greek, Cyrillic, Hebrew, Arabic and more. Other characters, such as Chinese,
become empty boxes, so that no name keeps a document from being rendered.
"""

from __future__ import annotations

from pathlib import Path

from fpdf import FPDF
from fpdf.enums import XPos, YPos
from fpdf.fonts import TTFFont

FONTS = Path(__file__).with_name("fonts")
FONT = "DejaVu"
UNKNOWN = "□"
INK, GREY = 28, 105


class Sheet(FPDF):
    """An A4 document, with methods to write on it."""

    def __init__(self, title: str, author: str, language: str, *, is_mirrored: bool = False) -> None:
        """Begin a document; a mirrored one is laid out from right to left."""
        super().__init__()
        self.is_mirrored = is_mirrored
        self.c_margin = 0
        self.set_title(title)
        self.set_author(author)
        self.set_lang(language)
        self.add_font(FONT, fname=FONTS / "DejaVuSans.ttf")
        self.add_font(FONT, style="B", fname=FONTS / "DejaVuSans-Bold.ttf")
        self.set_text_shaping(True)

    def normalize_text(self, text: str) -> str:
        """Replace characters missing from the font; all text passes here."""
        font = self.current_font
        known = font.cmap if isinstance(font, TTFFont) else {}
        return "".join(each if ord(each) in known else UNKNOWN for each in text)

    def style(self, size: float, grey: int = INK, *, bold: bool = False) -> None:
        self.set_font(FONT, "B" if bold else "", size)
        self.set_text_color(grey)

    def paragraph(self, text: str, width: float, height: float = 5) -> None:
        """Write and wrap the text's lines, separately so that a right-to-left line doesn't reverse its neighbours."""
        left = self.get_x()
        self.set_x(self._side(left, width))
        for line in text.splitlines():
            self.multi_cell(
                width, height, line, align="R" if self.is_mirrored else "L", new_x=XPos.LEFT, new_y=YPos.NEXT
            )
        self.set_x(left)

    def end_field(self, width: float, height: float, text: str) -> None:
        """Write one line at the end of a field, and go on after it."""
        left = self.get_x()
        self.set_x(self._side(left, width))
        self.cell(width, height, text, align="L" if self.is_mirrored else "R")
        self.set_x(left + width)

    def _side(self, left: float, width: float) -> float:
        return self.w - left - width if self.is_mirrored else left
