"""Write a new batch's codes as a CSV file, and as a PDF of cards to cut out, each with a QR that opens the page."""

from __future__ import annotations

from collections.abc import Iterator

import segno
from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from core.csv_lines import csv_lines
from core.pdf import GREY, Sheet
from credits.formatting import credits_amount, csv_row
from credits.redemption.links import link_of, page_url
from credits.redemption.models import CodeBatch

CODES = ["code", "credits", "uses", "expires", "link"]
# Millimetres on A4: two columns of five cards.
CARD_WIDTH, CARD_HEIGHT = 90, 52
LEFT, TOP = 15, 16
COLUMNS, PER_PAGE = 2, 10
QR, PADDING = 36, 6
LINE = 205


def codes_csv(batch: CodeBatch, codes: list[str]) -> Iterator[str]:
    """Write a line per code, with the link that its QR has."""
    rows = (csv_row((code, batch.credits, batch.uses, batch.expires_at, link_of(code))) for code in codes)
    return csv_lines(CODES, [rows])


def codes_pdf(batch: CodeBatch, codes: list[str]) -> bytes:
    """Draw a card per code, ten to a page."""
    sheet = Sheet(batch.name, settings.SITE_NAME, get_language() or settings.LANGUAGE_CODE)
    sheet.set_auto_page_break(auto=False)
    for place, code in enumerate(codes):
        row, column = divmod(place % PER_PAGE, COLUMNS)
        if not row and not column:
            sheet.add_page()
        _draw_card(sheet, batch, code, LEFT + column * CARD_WIDTH, TOP + row * CARD_HEIGHT)
    return bytes(sheet.output())


def _draw_card(sheet: Sheet, batch: CodeBatch, code: str, left: float, top: float) -> None:
    sheet.set_draw_color(LINE)
    sheet.rect(left, top, CARD_WIDTH, CARD_HEIGHT)
    _draw_qr(sheet, link_of(code), left + CARD_WIDTH - QR - PADDING + 2, top + 4)
    text_width = CARD_WIDTH - QR - 2 * PADDING
    sheet.set_xy(left + PADDING, top + PADDING)
    sheet.style(9, GREY)
    sheet.paragraph(settings.SITE_NAME, text_width)
    sheet.style(15, bold=True)
    sheet.paragraph(_("%(credits)s credits") % {"credits": credits_amount(batch.credits)}, text_width, 8)
    sheet.style(8, GREY)
    if batch.expires_at:
        day = date_format(timezone.localtime(batch.expires_at), "DATE_FORMAT")
        sheet.paragraph(_("Redeem by %(day)s") % {"day": day}, text_width, 4.5)
    sheet.set_xy(left + PADDING, top + QR + 3)
    sheet.style(11, bold=True)
    sheet.cell(CARD_WIDTH - 2 * PADDING, 6, code)
    sheet.set_xy(left + PADDING, top + QR + 9)
    sheet.style(7, GREY)
    sheet.cell(CARD_WIDTH - 2 * PADDING, 4, page_url().partition("://")[2])


def _draw_qr(sheet: Sheet, link: str, left: float, top: float) -> None:
    """Draw the QR's dark runs as rectangles, sharp at any size."""
    matrix = [bytes(line) for line in segno.make(link, error="m", micro=False).matrix_iter(border=2)]
    module = QR / len(matrix)
    sheet.set_fill_color(0)
    for y, line in enumerate(matrix):
        x = 0
        while x < len(line):
            run = next((n for n, dark in enumerate(line[x:]) if not dark), len(line) - x)
            if run:
                sheet.rect(left + x * module, top + y * module, run * module, module, style="F")
            x += run or 1
