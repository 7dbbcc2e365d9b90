"""Show the start page: what this is, and what happened recently."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from sandbox import clock, store
from sandbox.models import Delivery
from sandbox.options import get_options
from sandbox.payments.formatting import format_amount, format_time
from sandbox.shapes import Json
from sandbox.webhooks import outbox

_SHOWN = 10


def show_index(http: HttpRequest) -> HttpResponse:
    context = {
        "app_url": get_options().app_url,
        "now": format_time(clock.get_now()),
        "mode": outbox.get_mode(),
        "sessions": [_describe(record.data) for record in store.list_records("checkout.session")[:_SHOWN]],
        "events": [record.data for record in store.list_records("event")[:_SHOWN]],
        "deliveries": Delivery.objects.order_by("-id")[:_SHOWN],
    }
    policy = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'"
    response = render(http, "index.html", context)
    response["Content-Security-Policy"] = policy
    return response


def _describe(session: Json) -> Json:
    total = session["amount_total"]
    return {**session, "amount": "no charge" if total is None else format_amount(total, session["currency"])}
