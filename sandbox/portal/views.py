"""Serve the customer portal. Every POST ends in a redirect, except to show invalid input."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from sandbox import ids, store
from sandbox.checkout_page.addresses import list_address_fields
from sandbox.checkout_page.card_form import CardForm, fill_card, list_card_fields
from sandbox.checkout_page.views import see_other, show
from sandbox.models import Record
from sandbox.payments import methods, saved_methods, setup
from sandbox.payments.cards import TEST_CARDS
from sandbox.portal import plans, summary
from sandbox.portal.forms import DetailsForm
from sandbox.webhooks.events import acting_for, change_and_emit

Page = Callable[[HttpRequest, Record], HttpResponse]


def _page(view: Page) -> Callable[..., HttpResponse]:
    """Find the session of the address. No cookie is involved: whoever knows the address acts for the customer."""

    @csrf_exempt
    @require_http_methods(["GET", "HEAD", "POST"])
    @wraps(view)
    def answer(http: HttpRequest, session_id: str, secret: str) -> HttpResponse:
        with _acting():
            session = summary.find_session(session_id, secret)
            return show(http, "missing", status=404) if session is None else view(http, session)

    return answer


@contextmanager
def _acting() -> Iterator[None]:
    with store.writing(), acting_for(ids.make_id("request")):
        yield


@_page
def home(http: HttpRequest, session: Record) -> HttpResponse:
    """Show everything, or begin with the flow that the session was opened for."""
    if http.method == "POST":
        return _change(http, session)
    if _is_in_flow(session):
        return see_other(f"{session.data['url']}/card")
    return _show_home(http, session, _make_form(session))


def _is_in_flow(session: Record) -> bool:
    """Tell whether the session was opened to add a card, and none was added yet."""
    return session.data["flow"] is not None and not session.private.get("is_flow_over")


def _make_form(session: Record) -> DetailsForm | None:
    """Return the form of the customer's details; None if the configuration has none."""
    update = summary.get_features(session)["customer_update"]
    customer = summary.get_customer(session).data
    return DetailsForm.of(customer, update["allowed_updates"]) if update["enabled"] else None


def _show_home(
    http: HttpRequest, session: Record, form: DetailsForm | None, status: int = 200
) -> HttpResponse:
    return show(
        http,
        "home",
        folder="portal",
        status=status,
        portal=summary.summarize(session),
        plans=[plans.describe_subscription(session, each) for each in plans.list_subscriptions(session)],
        url=session.data["url"],
        form=form,
        address_fields=list_address_fields(form) if form else [],
    )


def _change(http: HttpRequest, session: Record) -> HttpResponse:
    features = summary.get_features(session)
    action = http.POST.get("action")
    if action == "details" and features["customer_update"]["enabled"]:
        form = DetailsForm(http.POST, allowed=features["customer_update"]["allowed_updates"])
        if not form.is_valid():
            return _show_home(http, session, form, status=422)
        change_and_emit(summary.get_customer(session), "customer.updated", **form.details)
    elif action in ("cancel", "resume") and features["subscription_cancel"]["enabled"]:
        _end_plan(session, action, http.POST.get("subscription"))
    elif action in ("default", "remove") and features["payment_method_update"]["enabled"]:
        _change_card(session, action, http.POST.get("card"))
    return see_other(session.data["url"])


def _end_plan(session: Record, action: str, subscription_id: str | None) -> None:
    """Cancel one of the customer's subscriptions, or take that back. One that is over meanwhile is left alone."""
    for subscription in plans.list_subscriptions(session):
        if subscription.id == subscription_id and action == "cancel":
            plans.cancel_plan(session, subscription)
        elif subscription.id == subscription_id:
            plans.resume_plan(subscription)


@_page
def plan(http: HttpRequest, session: Record) -> HttpResponse:
    """Ask whether to change a plan, and do it."""
    choice = plans.find_choice(session, http.GET.get("subscription", ""), http.GET.get("price", ""))
    if choice is None:
        return see_other(session.data["url"])
    refusal = plans.make_choice(session, choice) if http.method == "POST" else None
    if http.method == "POST" and refusal is None:
        return see_other(session.data["url"])
    return show(
        http,
        "plan",
        folder="portal",
        status=422 if refusal else 200,
        choice=plans.describe_choice(session, choice),
        refusal=refusal,
        url=session.data["url"],
    )


def _change_card(session: Record, action: str, method_id: str | None) -> None:
    """Change one of the customer's cards. One that is gone meanwhile is left alone."""
    for method in summary.list_cards(session):
        if method.id == method_id and action == "remove":
            saved_methods.detach(method)
        elif method.id == method_id:
            saved_methods.set_default(summary.get_customer(session), method.id)


@_page
def card(http: HttpRequest, session: Record) -> HttpResponse:
    """Take another card, which becomes the default."""
    if not summary.get_features(session)["payment_method_update"]["enabled"]:
        return see_other(session.data["url"])
    form = CardForm(http.POST) if http.method == "POST" else CardForm(initial=fill_card(http))
    if http.method == "POST" and form.is_valid():
        return _set_up(session, form)
    status = 422 if form.is_bound else 200
    intent = _find_intent(session)
    error = intent.data["last_setup_error"] if intent and not form.is_bound else None
    return show(
        http,
        "card",
        folder="portal",
        status=status,
        form=form,
        back=session.data["return_url"] if _is_in_flow(session) else session.data["url"],
        refusal=error["message"] if error else None,
        card_fields=list_card_fields(form),
        cards=TEST_CARDS,
    )


def _find_intent(session: Record) -> Record | None:
    """Return the setup intent of the card that is being added."""
    intent_id = session.private["setup_intent"]
    return store.get_record("setup_intent", intent_id) if intent_id else None


def _set_up(session: Record, form: CardForm) -> HttpResponse:
    customer = summary.get_customer(session)
    intent = _find_intent(session)
    if intent is None or intent.data["status"] in ("succeeded", "canceled"):
        intent = setup.create_setup_intent(customer=customer.id)
        session.private["setup_intent"] = intent.id
        session.save()
    method = methods.create_card_method(form.card, customer.data["email"])
    url = session.data["url"]
    setup.set_up(intent, method, f"{url}/authenticate", url)
    return _go_on(session, intent)


@_page
def authentication(http: HttpRequest, session: Record) -> HttpResponse:
    """Show the bank's page for a card that asks for 3-D Secure to be saved."""
    intent = _find_intent(session)
    if intent is None or intent.data["status"] != "requires_action":
        return see_other(session.data["url"])
    if http.method != "POST":
        return show(http, "authentication")
    setup.authenticate_setup(intent, passed=http.POST.get("answer") == "complete")
    return _go_on(session, intent)


def _go_on(session: Record, intent: Record) -> HttpResponse:
    """Redirect after an attempt: to the bank, back to the form and the bank's message, or to where the flow leads."""
    url = session.data["url"]
    if intent.data["status"] == "requires_action":
        return see_other(f"{url}/authenticate")
    if intent.data["status"] != "succeeded":
        return see_other(f"{url}/card")
    saved_methods.set_default(summary.get_customer(session), intent.data["payment_method"])
    session.private["is_flow_over"] = True
    session.save()
    flow = session.data["flow"]
    is_redirected = flow is not None and flow["after_completion"]["type"] == "redirect"
    return see_other(flow["after_completion"]["redirect"]["return_url"] if is_redirected else url)
