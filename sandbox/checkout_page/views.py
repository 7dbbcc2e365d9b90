"""Serve the buyer's pages. Every POST ends in a redirect, except to show invalid input."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.encoding import iri_to_uri
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from sandbox import ids, store
from sandbox.base_url import get_base_url
from sandbox.checkout_page.addresses import list_address_fields
from sandbox.checkout_page.card_form import fill_card, list_card_fields
from sandbox.checkout_page.forms import BANK, CARD, Asks, PaymentForm
from sandbox.checkout_page.summary import fill_success_url, summarize
from sandbox.models import Record
from sandbox.options import get_options
from sandbox.payments import sessions, setup_sessions
from sandbox.payments.cards import TEST_CARDS
from sandbox.payments.discounts import redeem_code
from sandbox.payments.formatting import format_amount, format_time
from sandbox.payments.outcomes import Outcome
from sandbox.payments.states import WrongStateError
from sandbox.webhooks.events import acting_for

# `form-action` stays open: browsers apply it to the redirect to the merchant as well.
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; base-uri 'none';"
    " frame-ancestors 'none'"
)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def checkout(http: HttpRequest, session_id: str) -> HttpResponse:
    """Show the form of an open session, or the state of a closed one.

    No cookie is involved that could be abused: whoever knows a session's id may pay for it, as at Stripe.
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
    """Show a complete or expired session. A second payment ends on the success page like the first."""
    if session.data["status"] == "complete" and http.method == "POST":
        return see_other(fill_success_url(session.data))
    return show(http, session.data["status"], summary=summarize(session), app_url=get_options().app_url)


def _prefill(http: HttpRequest, session: Record) -> PaymentForm:
    """Return a new form; a test card in the query is filled in, so that choosing one needs no JavaScript."""
    summary = summarize(session)
    saved = summary["saved_cards"]
    method = saved[0]["id"] if saved else CARD
    initial = {"email": summary["email"], "name": summary["name"], "method": method, **summary["address"]}
    if chosen := fill_card(http):
        initial |= {"method": CARD, **chosen}
    return PaymentForm(initial=initial, asks=Asks.of(session))


def _show_form(
    http: HttpRequest, session: Record, form: PaymentForm, status: int = 200, notice: str = ""
) -> HttpResponse:
    summary = summarize(session)
    return show(
        http,
        "open",
        status=status,
        summary=summary,
        form=form,
        refusal=notice or (None if form.is_bound else summary["refusal"]),
        cards=TEST_CARDS,
        card_fields=list_card_fields(form),
        address_fields=list_address_fields(form),
    )


def _try_to_pay(http: HttpRequest, session: Record) -> HttpResponse:
    with store.writing(), acting_for(ids.make_id("request")):
        session = sessions.get_session(session.id)
        if session.data["status"] != "open":
            return _go_on(session)
        if "apply" in http.POST:
            return _redeem(http, session)
        form = PaymentForm(http.POST, asks=Asks.of(session))
        if not form.is_valid():
            return _show_form(http, session, form, status=422)
        if sessions.quote_tax(session, form.buyer):
            return _show_form(http, session, form, notice="The tax at your address is in the total now.")
        _pay(session, form)
    return _go_on(session)


def _redeem(http: HttpRequest, session: Record) -> HttpResponse:
    """Apply a promotion code, and show the page again."""
    try:
        redeem_code(session, http.POST.get("promotion_code", ""))
    except WrongStateError as error:
        return _show_form(http, session, _prefill(http, session), status=422, notice=str(error))
    return _go_on(session)


def _pay(session: Record, form: PaymentForm) -> Outcome:
    if sessions.is_free(session):
        return sessions.complete_free(session, form.buyer)
    method = form.cleaned_data["method"]
    if method == BANK:
        return sessions.pay_by_bank(session, form.buyer)
    if method != CARD:
        return sessions.pay_by_saved_card(session, method, form.buyer)
    return sessions.pay_by_card(session, form.card, form.buyer)


def _go_on(session: Record) -> HttpResponse:
    """Redirect after an attempt: to the merchant, to 3-D Secure, or back to the page and the bank's message."""
    page = f"{get_base_url()}/c/pay/{session.id}"
    if session.data["status"] == "complete":
        return see_other(fill_success_url(session.data))
    return see_other(f"{page}/authenticate" if _awaits_authentication(session) else page)


def _awaits_authentication(session: Record) -> bool:
    if setup_sessions.is_setup(session):
        intent = setup_sessions.find_setup_intent(session)
    else:
        intent = sessions.find_intent(session)
    return intent is not None and intent.data["status"] == "requires_action"


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def authentication(http: HttpRequest, session_id: str) -> HttpResponse:
    """Show the bank's page, on which its customer passes or fails. When it's over, redirect to the current step."""
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
    return show(http, "authentication", amount=summarize(session)["total"])


@require_safe
def receipt(http: HttpRequest, charge_id: str) -> HttpResponse:
    """Show a charge at its `receipt_url`."""
    record = store.find_record("charge", charge_id)
    if record is None:
        return show(http, "missing", status=404)
    charge = record.data
    amount = format_amount(charge["amount"], charge["currency"])
    return show(http, "receipt", charge=charge, amount=amount, paid_at=format_time(charge["created"]))


def show(
    http: HttpRequest, page: str, *, status: int = 200, folder: str = "checkout", **context: Any
) -> HttpResponse:
    response = render(http, f"{folder}/{page}.html", context, status=status)
    response["Content-Security-Policy"] = _POLICY
    response["Cache-Control"] = "no-store"
    return response


def see_other(url: str) -> HttpResponse:
    """Redirect with 303 to any URL of the merchant's, whatever its scheme."""
    return HttpResponse(status=303, headers={"Location": iri_to_uri(url)})
