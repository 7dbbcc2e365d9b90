"""The buyer's pages. Every POST ends in a redirect, except to show what was typed wrong."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.encoding import iri_to_uri
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from sandbox import ids, store
from sandbox.checkout_page.dates import format_moment
from sandbox.checkout_page.forms import BANK, CARD, PaymentForm
from sandbox.checkout_page.summary import fill_success_url, summarize
from sandbox.models import Record
from sandbox.options import get_options
from sandbox.payments import sessions
from sandbox.payments.cards import TEST_CARDS
from sandbox.payments.currencies import format_amount
from sandbox.payments.sessions import Outcome
from sandbox.webhooks.events import acting_for

_PREFILLED_EXPIRY = "12 / 34"
_PREFILLED_CVC = "123"


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def checkout(http: HttpRequest, session_id: str) -> HttpResponse:
    """The page of a session: the form while it is open, else what became of it.

    There is no cookie here to forge a request with: whoever knows the session's id may pay for it, as at Stripe.
    """
    try:
        session = sessions.get_session(session_id)
    except Record.DoesNotExist:
        return show(http, "missing", status=404)
    if session.data["status"] != "open":
        return _show_closed(http, session)
    if http.method == "POST":
        return _try_to_pay(http, session)
    return _show_form(http, session, _prefill(http, session))


def _show_closed(http: HttpRequest, session: Record) -> HttpResponse:
    """A complete or expired session. Paying twice ends on the success page, as the first time."""
    if session.data["status"] == "complete" and http.method == "POST":
        return _see_other(fill_success_url(session.data))
    return show(http, session.data["status"], summary=summarize(session), app_url=get_options().app_url)


def _prefill(http: HttpRequest, session: Record) -> PaymentForm:
    """The empty form; a test card in the address is filled in, so that choosing one works without JavaScript."""
    summary = summarize(session)
    initial = {"email": summary.email, "name": summary.name, "method": CARD}
    chosen = next((card for card in TEST_CARDS if card.number == http.GET.get("card")), None)
    if chosen is not None:
        initial |= {"card_number": chosen.grouped, "expiry": _PREFILLED_EXPIRY, "cvc": _PREFILLED_CVC}
    return PaymentForm(initial=initial)


def _show_form(http: HttpRequest, session: Record, form: PaymentForm, status: int = 200) -> HttpResponse:
    summary = summarize(session)
    refusal = None if form.is_bound else summary.refusal
    fields = _list_card_fields(form)
    return show(
        http,
        "open",
        status=status,
        summary=summary,
        form=form,
        refusal=refusal,
        cards=TEST_CARDS,
        card_fields=fields,
    )


def _list_card_fields(form: PaymentForm) -> list[dict[str, Any]]:
    """The card's fields with what a browser should know of each."""
    described = (
        ("card_number", "Card number", "cc-number", "1234 1234 1234 1234"),
        ("expiry", "Expiry (MM / YY)", "cc-exp", "MM / YY"),
        ("cvc", "CVC", "cc-csc", "123"),
    )
    return [
        {
            "field": form[name],
            "id": name.replace("_", "-"),
            "label": label,
            "autocomplete": fill,
            "placeholder": hint,
        }
        for name, label, fill, hint in described
    ]


def _try_to_pay(http: HttpRequest, session: Record) -> HttpResponse:
    form = PaymentForm(http.POST, is_free=session.data["amount_total"] == 0)
    if not form.is_valid():
        return _show_form(http, session, form, status=422)
    with store.writing(), acting_for(ids.make_id("request")):
        session = sessions.get_session(session.id)
        if session.data["status"] == "open":
            _pay(session, form)
    return _go_on(session)


def _pay(session: Record, form: PaymentForm) -> Outcome:
    if session.data["amount_total"] == 0:
        return sessions.complete_free(session, form.buyer)
    if form.cleaned_data["method"] == BANK:
        return sessions.pay_by_bank(session, form.buyer)
    return sessions.pay_by_card(session, form.card, form.buyer)


def _go_on(session: Record) -> HttpResponse:
    """Where an attempt leads: to the merchant, to 3-D Secure, or back to the page with what the bank said."""
    page = f"{session.private['base_url']}/c/pay/{session.id}"
    if session.data["status"] == "complete":
        return _see_other(fill_success_url(session.data))
    return _see_other(f"{page}/authenticate" if _awaits_authentication(session) else page)


def _awaits_authentication(session: Record) -> bool:
    intent = sessions.find_intent(session)
    return intent is not None and intent.data["status"] == "requires_action"


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def authentication(http: HttpRequest, session_id: str) -> HttpResponse:
    """The bank's own page, where its customer says yes or no.

    Coming back later leads to where things stand.
    """
    with store.writing(), acting_for(ids.make_id("request")):
        try:
            session = sessions.get_session(session_id)
        except Record.DoesNotExist:
            return show(http, "missing", status=404)
        if not _awaits_authentication(session):
            return _go_on(session)
        if http.method == "POST":
            sessions.authenticate(session, passed=http.POST.get("answer") == "complete")
            return _go_on(session)
    return show(http, "authentication", summary=summarize(session))


@require_safe
def receipt(http: HttpRequest, charge_id: str) -> HttpResponse:
    """What `receipt_url` of a charge leads to."""
    record = store.find_record("charge", charge_id)
    if record is None:
        return show(http, "missing", status=404)
    charge = record.data
    amount = format_amount(charge["amount"], charge["currency"])
    return show(http, "receipt", charge=charge, amount=amount, paid_at=format_moment(charge["created"]))


def show(http: HttpRequest, page: str, *, status: int = 200, **context: Any) -> HttpResponse:
    """A page under a policy that lets nothing in but our own files. It leaves `form-action` open: browsers apply
    that to the redirect to the merchant as well.
    """
    response = render(http, f"checkout/{page}.html", context, status=status)
    response["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; base-uri 'none';"
        " frame-ancestors 'none'"
    )
    response["Cache-Control"] = "no-store"
    return response


def _see_other(url: str) -> HttpResponse:
    """303 to wherever the merchant wishes, whatever its scheme."""
    return HttpResponse(status=303, headers={"Location": iri_to_uri(url)})
