"""Show an invoice at its `hosted_invoice_url`, where an open one can be paid, and at its `invoice_pdf`."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe
from fpdf import FPDF

from sandbox import ids, store
from sandbox.checkout_page.card_form import CardForm, fill_card, list_card_fields
from sandbox.checkout_page.views import see_other, show
from sandbox.models import Record
from sandbox.payments.cards import TEST_CARDS
from sandbox.payments.formatting import format_amount, format_time
from sandbox.payments.hosted_payments import find_bank_url, pay_invoice
from sandbox.payments.invoicing import PAYABLE, require_intent
from sandbox.shapes import Json
from sandbox.webhooks.events import acting_for


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def invoice(http: HttpRequest, invoice_id: str, secret: str) -> HttpResponse:
    """Show an invoice and, while it is open, a form to pay it."""
    with store.writing(), acting_for(ids.make_id("request")):
        record = _find(invoice_id, secret)
        if record is None:
            return show(http, "missing", status=404)
        if record.data["status"] not in PAYABLE:
            return show(http, "invoice", invoice=record.data, facts=_describe(record.data))
        form = CardForm(http.POST) if http.method == "POST" else CardForm(initial=fill_card(http))
        if http.method == "POST" and form.is_valid():
            return _go_on(record, pay_invoice(record, form.card))
        return _show_open(http, record, form)


def _show_open(http: HttpRequest, invoice: Record, form: CardForm) -> HttpResponse:
    intent = require_intent(invoice).data
    error = None if form.is_bound else intent["last_payment_error"]
    return show(
        http,
        "invoice_open",
        status=422 if form.is_bound else 200,
        invoice=invoice.data,
        facts=_describe(invoice.data),
        amount=format_amount(invoice.data["amount_remaining"], invoice.data["currency"]),
        form=form,
        refusal=error["message"] if error else None,
        bank_url=find_bank_url(intent),
        card_fields=list_card_fields(form),
        cards=TEST_CARDS,
    )


def _go_on(invoice: Record, intent: Record) -> HttpResponse:
    """Redirect after an attempt: to the bank's page, or back to the invoice's."""
    return see_other(find_bank_url(intent.data) or invoice.data["hosted_invoice_url"])


@require_safe
def invoice_pdf(http: HttpRequest, invoice_id: str, secret: str) -> HttpResponse:
    record = _find(invoice_id, secret)
    if record is None:
        return show(http, "missing", status=404)
    found = record.data
    headers = {"Content-Disposition": f'attachment; filename="Invoice-{found["number"]}.pdf"'}
    return HttpResponse(_draw(found), content_type="application/pdf", headers=headers)


def _find(invoice_id: str, secret: str) -> Record | None:
    """Return an invoice to anyone who knows its secret, as Stripe does."""
    record = store.find_record("invoice", invoice_id)
    is_found = record is not None and record.private["secret"] == secret and record.data["number"]
    return record if is_found else None


def _describe(invoice: Json) -> list[tuple[str, str]]:
    currency = invoice["currency"]
    lines = [
        (line["description"], format_amount(line["amount"], currency)) for line in invoice["lines"]["data"]
    ]
    tax = sum(each["amount"] for each in invoice["total_taxes"])
    return [
        ("Number", invoice["number"]),
        ("Date", format_time(invoice["effective_at"])),
        ("Bill to", invoice["customer_email"] or ""),
        *lines,
        *([("Tax", format_amount(tax, currency))] if tax else []),
        _describe_state(invoice),
    ]


def _describe_state(invoice: Json) -> tuple[str, str]:
    """Say what was paid or is to be paid."""
    if invoice["status"] == "paid":
        return "Amount paid", format_amount(invoice["amount_paid"], invoice["currency"])
    due = format_amount(invoice["amount_remaining"], invoice["currency"])
    return ("Void", due) if invoice["status"] == "void" else ("Amount due", due)


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
