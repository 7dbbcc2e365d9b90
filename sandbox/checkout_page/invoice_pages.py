"""Show an invoice at its `hosted_invoice_url` and `invoice_pdf`."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from fpdf import FPDF

from sandbox import store
from sandbox.checkout_page.views import show
from sandbox.payments.formatting import format_amount, format_time
from sandbox.shapes import Json


@require_safe
def invoice(http: HttpRequest, invoice_id: str, secret: str) -> HttpResponse:
    found = _find(invoice_id, secret)
    if found is None:
        return show(http, "missing", status=404)
    return show(http, "invoice", invoice=found, facts=_describe(found))


@require_safe
def invoice_pdf(http: HttpRequest, invoice_id: str, secret: str) -> HttpResponse:
    found = _find(invoice_id, secret)
    if found is None:
        return show(http, "missing", status=404)
    headers = {"Content-Disposition": f'attachment; filename="Invoice-{found["number"]}.pdf"'}
    return HttpResponse(_draw(found), content_type="application/pdf", headers=headers)


def _find(invoice_id: str, secret: str) -> Json | None:
    """Return an invoice to anyone who knows its secret, as Stripe does."""
    record = store.find_record("invoice", invoice_id)
    return record.data if record is not None and record.private["secret"] == secret else None


def _describe(invoice: Json) -> list[tuple[str, str]]:
    currency = invoice["currency"]
    lines = [
        (line["description"], format_amount(line["amount"], currency)) for line in invoice["lines"]["data"]
    ]
    return [
        ("Number", invoice["number"]),
        ("Date", format_time(invoice["effective_at"])),
        ("Bill to", invoice["customer_email"] or ""),
        *lines,
        ("Amount paid", format_amount(invoice["amount_paid"], currency)),
    ]


def _draw(invoice: Json) -> bytes:
    """Draw a plain PDF. Its built-in font has Latin letters only."""
    page = FPDF()
    page.add_page()
    page.set_font("Helvetica", size=16)
    page.cell(0, 12, "Invoice from the local sandbox", new_x="LMARGIN", new_y="NEXT")
    page.set_font("Helvetica", size=11)
    for name, value in _describe(invoice):
        text = f"{name}: {value}".encode("latin-1", "replace").decode("latin-1")
        page.cell(0, 8, text, new_x="LMARGIN", new_y="NEXT")
    return bytes(page.output())
