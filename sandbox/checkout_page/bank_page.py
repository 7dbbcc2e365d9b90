"""Show the bank's page for a payment that the API confirmed, and send the buyer back to the merchant."""

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from sandbox import ids, store
from sandbox.checkout_page.views import see_other, show
from sandbox.models import Record
from sandbox.payments import confirming
from sandbox.payments.formatting import format_amount
from sandbox.webhooks.events import acting_for


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def authentication(http: HttpRequest, intent_id: str, secret: str) -> HttpResponse:
    """Let the buyer pass or fail. When it's over, return to the merchant."""
    with store.writing(), acting_for(ids.make_id("request")):
        intent = store.find_record("payment_intent", intent_id)
        if intent is None or confirming.get_page_secret(intent) != secret:
            return show(http, "missing", status=404)
        if intent.data["status"] == "requires_action":
            if http.method != "POST":
                amount = format_amount(intent.data["amount"], intent.data["currency"])
                return show(http, "authentication", amount=amount)
            confirming.authenticate_intent(intent, passed=http.POST.get("answer") == "complete")
    return _return_to_merchant(http, intent)


def _return_to_merchant(http: HttpRequest, intent: Record) -> HttpResponse:
    """Redirect to the intent's return URL with what Stripe adds to it, or say how it ended without one."""
    is_paid = intent.data["status"] == "succeeded"
    url = intent.private.get("return_url")
    if url is None:
        return show(http, "authenticated", is_paid=is_paid)
    parts = urlsplit(url)
    added = {
        "payment_intent": intent.id,
        "payment_intent_client_secret": intent.data["client_secret"],
        "redirect_status": "succeeded" if is_paid else "failed",
    }
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *added.items()])
    return see_other(urlunsplit(parts._replace(query=query)))
