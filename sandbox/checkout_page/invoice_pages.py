"""What `hosted_invoice_url` and `invoice_pdf` of an invoice lead to."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from fpdf import FPDF

from sandbox.checkout_page.dates import format_moment
from sandbox.checkout_page.views import show
from sandbox.payments.currencies import format_amount
from sandbox.payments.invoices import find_shown
from sandbox.shapes import Json


@require_safe
def invoice(http: HttpRequest, invoice_id: str, secret: str) -> HttpResponse:
    record = find_shown(invoice_id, secret)
    if record is None:
        return show(http, "missing", status=404)
    return show(http, "invoice", invoice=record.data, facts=_describe(record.data))


@require_safe
def invoice_pdf(http: HttpRequest, invoice_id: str, secret: str) -> HttpResponse:
    record = find_shown(invoice_id, secret)
    if record is None:
        return show(http, "missing", status=404)
    headers = {"Content-Disposition": f'attachment; filename="Invoice-{record.data["number"]}.pdf"'}
    return HttpResponse(_draw(record.data), content_type="application/pdf", headers=headers)


def _describe(invoice: Json) -> list[tuple[str, str]]:
    currency = invoice["currency"]
    lines = [
        (line["description"], format_amount(line["amount"], currency)) for line in invoice["lines"]["data"]
    ]
    return [
        ("Number", invoice["number"]),
        ("Date", format_moment(invoice["effective_at"])),
        ("Bill to", invoice["customer_email"] or ""),
        *lines,
        ("Amount paid", format_amount(invoice["amount_paid"], currency)),
    ]


def _draw(invoice: Json) -> bytes:
    """Plain: it stands in for Stripe's, and need not look like it. Its built-in font knows Latin letters only."""
    page = FPDF()
    page.add_page()
    page.set_font("Helvetica", size=16)
    page.cell(0, 12, "Invoice from the local sandbox", new_x="LMARGIN", new_y="NEXT")
    page.set_font("Helvetica", size=11)
    for name, value in _describe(invoice):
        text = f"{name}: {value}".encode("latin-1", "replace").decode("latin-1")
        page.cell(0, 8, text, new_x="LMARGIN", new_y="NEXT")
    return bytes(page.output())
