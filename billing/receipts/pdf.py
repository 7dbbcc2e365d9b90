"""Render a receipt or credit note as a one-page PDF. The same document gives the same bytes."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from django.utils.formats import date_format
from django.utils.translation import get_language_bidi, override
from django.utils.translation import gettext as _

from billing.money import Money
from billing.packages.pricing import discount
from billing.purchases.models import Purchase, PurchaseLine
from billing.receipts.models import Receipt
from billing.tax import REVERSE_CHARGE, VOUCHER
from core.pdf import GREY, Sheet
from credits.formatting import credits_amount

# Millimetres on A4.
MARGIN, WIDTH = 20, 170
LEFT, RIGHT = 95, 75
CREDITS, AMOUNT = 30, 50
LINE = 205
LONG = 30  # characters


@dataclass(frozen=True)
class Line:
    """A line of the table: description, credits, amount."""

    what: str
    credits: str
    amount: Money


@dataclass(frozen=True)
class Wording:
    """The texts and lines in which receipts and credit notes differ."""

    title: str
    facts: list[tuple[str, str]]
    lines: list[Line]
    total: str
    paid: Money
    parts: list[tuple[str, Money]]
    end: list[str]


def render_receipt(receipt: Receipt) -> bytes:
    """Render the document in the language it was issued in."""
    with override(receipt.language):
        wording = _credit_note(receipt) if receipt.refund else _receipt(receipt)
        sheet = _Sheet(receipt, wording.title)
        _head(sheet, receipt, wording)
        _parties(sheet, receipt, wording)
        _table(sheet, wording)
        _foot(sheet, receipt, wording)
        return bytes(sheet.output())


def _receipt(receipt: Receipt) -> Wording:
    purchase, day = receipt.purchase, _long(receipt.day)
    payment = purchase.stripe_payment_intent_id or purchase.stripe_session_id or ""
    return Wording(
        title=_("Receipt"),
        facts=[
            (_("Receipt number"), receipt.number),
            (_("Payment date"), day),
            *([(_("Paid with"), receipt.paid_with)] if receipt.paid_with else []),
            (_("Payment ID"), payment),
            (_("Purchase ID"), str(purchase.pk)),
        ],
        lines=_bought(purchase),
        total=_("Total paid (%(currency)s)"),
        paid=purchase.paid,
        parts=_parts(purchase.paid, receipt.tax),
        end=[_("Paid in full through Stripe on %(day)s.") % {"day": day}, *_why_untaxed(purchase)],
    )


def _credit_note(note: Receipt) -> Wording:
    refund, day = note.refund, _long(note.day)
    assert refund is not None  # noqa: S101 - a constraint of its table
    receipt = Receipt.objects.get(purchase=note.purchase_id, kind=Receipt.Kind.RECEIPT)
    corrects = _("%(number)s, %(day)s") % {"number": receipt.number, "day": _long(receipt.day)}
    what = _("Refund: %(package)s") % {"package": note.purchase.package_name}
    return Wording(
        title=_("Credit note"),
        facts=[
            (_("Credit note number"), note.number),
            (_("Refund date"), day),
            (_("Original receipt"), corrects),
            (_("Refund ID"), refund.stripe_refund_id or ""),
            (_("Purchase ID"), str(note.purchase_id)),
        ],
        lines=[Line(what, "", refund.amount)],
        total=_("Total refunded (%(currency)s)"),
        paid=refund.amount,
        parts=_parts(refund.amount, note.tax),
        end=[_("Refunded through Stripe on %(day)s.") % {"day": day}, *_why_untaxed(note.purchase)],
    )


def _bought(purchase: Purchase) -> list[Line]:
    several = list(purchase.lines.all())
    lines = [Line(_in_full(each), credits_amount(each.credits), each.price) for each in several]
    if not several:
        lines = [Line(purchase.package_name, credits_amount(purchase.credits), purchase.regular_price)]
    if purchase.bonus_credits:
        nothing = Money(0, purchase.currency)
        lines.append(Line(_("Bonus credits"), credits_amount(purchase.bonus_credits), nothing))
    if purchase.reduction.minor and not several:  # of several, each has its price less what was taken off
        percentage = credits_amount(discount(purchase.price, purchase.regular_price))
        name = _("Discount (%(percentage)s%%)") % {"percentage": percentage}
        lines.append(Line(name, "", Money(-purchase.reduction.minor, purchase.currency)))
    if purchase.promotion_minor:
        name = _("Promotion code %(code)s") % {"code": purchase.promotion_code}
        lines.append(Line(name, "", Money(-purchase.promotion_minor, purchase.currency)))
    return lines


def _parts(total: Money, tax: Money) -> list[tuple[str, Money]]:
    """Return what the total comes from if there is tax in it."""
    if not tax.minor:
        return []
    return [(_("Net amount"), Money(total.minor - tax.minor, total.currency)), (_("Tax"), tax)]


def _why_untaxed(purchase: Purchase) -> list[str]:
    reasons = {
        REVERSE_CHARGE: _("Reverse charge: the recipient is liable for the tax."),
        VOUCHER: _("Multi-purpose voucher: no tax is charged on its sale, but when the credits are spent."),
    }
    return [reasons[purchase.tax_note]] if purchase.tax_note else []


def _in_full(line: PurchaseLine) -> str:
    if not line.free:
        return line.name
    return _("%(packages)s, %(number)s of them free") % {"packages": line.name, "number": line.free}


def _long(day: datetime.date) -> str:
    return date_format(day, "LONG_DATE_FORMAT")


class _Sheet(Sheet):
    """The page of a receipt."""

    def __init__(self, receipt: Receipt, title: str) -> None:
        name, mirrored = f"{title} {receipt.number}", get_language_bidi()
        super().__init__(name, receipt.seller_name, receipt.language, is_mirrored=mirrored)
        self.set_margin(MARGIN)
        self.set_creation_date(receipt.issued_at.astimezone(datetime.UTC))
        self.add_page()

    def rule(self) -> None:
        self.set_draw_color(LINE)
        self.line(MARGIN, self.get_y(), MARGIN + WIDTH, self.get_y())

    def row(self, what: str, credits: str, amount: str, height: float = 6) -> None:
        """Write a table row; ``what`` may wrap, and the figures are on its first line."""
        self.set_x(MARGIN)
        top = self.get_y()
        self.paragraph(what, WIDTH - CREDITS - AMOUNT, height)
        bottom = self.get_y()
        self.set_xy(MARGIN + WIDTH - CREDITS - AMOUNT, top)
        self.end_field(CREDITS, height, credits)
        self.end_field(AMOUNT, height, amount)
        self.set_xy(MARGIN, bottom)


def _head(sheet: _Sheet, receipt: Receipt, wording: Wording) -> None:
    top = sheet.get_y()
    sheet.style(12, bold=True)
    sheet.paragraph(receipt.seller_name, LEFT, 6)
    sheet.style(9, GREY)
    for lines in (receipt.seller_address, receipt.seller_tax_id):
        if lines:
            sheet.paragraph(lines, LEFT)
    bottom = sheet.get_y()
    sheet.set_xy(MARGIN + LEFT, top)
    sheet.style(20, bold=True)
    sheet.end_field(RIGHT, 9, wording.title)
    sheet.set_y(max(bottom, top + 9) + 8)
    sheet.rule()
    sheet.ln(8)


def _parties(sheet: _Sheet, receipt: Receipt, wording: Wording) -> None:
    """Write the buyer on the left, and the number, day and payment ids on the right."""
    top = sheet.get_y()
    if receipt.buyer:
        sheet.style(8, GREY)
        sheet.paragraph(_("Billed to"), LEFT - 10)
        sheet.style(10)
        sheet.paragraph(receipt.buyer, LEFT - 10)
    bottom = sheet.get_y()
    sheet.set_xy(MARGIN + LEFT, top)
    for name, value in wording.facts:
        sheet.style(8, GREY)
        sheet.paragraph(name, RIGHT)
        sheet.style(10 if len(value) < LONG else 8)
        sheet.paragraph(value, RIGHT)
        sheet.set_xy(MARGIN + LEFT, sheet.get_y() + 1.5)
    sheet.set_y(max(bottom, sheet.get_y()) + 8)


def _table(sheet: _Sheet, wording: Wording) -> None:
    sheet.style(8, GREY)
    has_credits = any(line.credits for line in wording.lines)
    sheet.row(_("Description"), _("Credits") if has_credits else "", _("Amount"), 7)
    sheet.rule()
    for line in wording.lines:
        sheet.style(10)
        sheet.ln(2)
        sheet.row(line.what, line.credits, str(line.amount))
        sheet.ln(2)
        sheet.rule()
    sheet.ln(3)
    sheet.style(10)
    for name, amount in wording.parts:
        sheet.row(name, "", str(amount))
    sheet.style(12, bold=True)
    sheet.row(wording.total % {"currency": wording.paid.currency.upper()}, "", str(wording.paid), 7)
    sheet.ln(4)


def _foot(sheet: _Sheet, receipt: Receipt, wording: Wording) -> None:
    sheet.style(9, GREY)
    for line in wording.end:
        sheet.paragraph(line, WIDTH)
    if receipt.note:
        sheet.ln(2)
        sheet.paragraph(receipt.note, WIDTH)
