"""The front door: what this is, and what has happened here lately."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from sandbox import clock, store
from sandbox.checkout_page.dates import format_moment
from sandbox.models import Delivery
from sandbox.options import get_options
from sandbox.payments.currencies import format_amount
from sandbox.shapes import Json
from sandbox.webhooks import outbox

_SHOWN = 10


def show_index(http: HttpRequest) -> HttpResponse:
    """Sessions, events and deliveries, the latest first, with links to all of each."""
    context = {
        "app_url": get_options().app_url,
        "now": format_moment(clock.get_now()),
        "mode": outbox.get_mode(),
        "sessions": [
            _describe_session(record.data) for record in store.list_records("checkout.session")[:_SHOWN]
        ],
        "events": [record.data for record in store.list_records("event")[:_SHOWN]],
        "deliveries": Delivery.objects.order_by("-id")[:_SHOWN],
    }
    response = render(http, "index.html", context)
    response["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'"
    )
    return response


def _describe_session(session: Json) -> Json:
    return {
        "id": session["id"],
        "amount": format_amount(session["amount_total"], session["currency"]),
        "status": session["status"],
        "payment_status": session["payment_status"],
    }
