"""Create, read and expire checkout sessions. Buyers pay them on the hosted page."""

from stripe.params import checkout as stripe_params

from sandbox import store
from sandbox.models import Record
from sandbox.payments.sessions import expire_due_sessions, expire_session
from sandbox.payments.states import WrongStateError
from sandbox.payments.totals import describe_breakdown
from sandbox.shapes import Json
from sandbox.stripe_api.errors import ApiError
from sandbox.stripe_api.expansion import expands_by, expands_to
from sandbox.stripe_api.fields import find_in_path, merge_metadata
from sandbox.stripe_api.lists import list_page, make_list, page_items
from sandbox.stripe_api.resources.session_building import build_session
from sandbox.stripe_api.routing import Call, route

_TYPE = "checkout.session"
_PATH = "/v1/checkout/sessions"
_FILTERS = ("customer", "payment_intent", "status", "payment_link", "subscription")


def _list_line_items(session: Json) -> Json:
    items = store.get_record(_TYPE, session["id"]).private["line_items"]
    return make_list(f"{_PATH}/{session['id']}/line_items", items[:10], has_more=len(items) > 10)


expands_to(
    _TYPE,
    customer="customer",
    invoice="invoice",
    payment_intent="payment_intent",
    setup_intent="setup_intent",
    subscription="subscription",
)
expands_by(_TYPE, "line_items", _list_line_items)
# Parts of an object, such as its totals, have no type.
expands_by(_TYPE, "total_details", describe_breakdown)
expands_by("", "breakdown", lambda totals: totals["breakdown"])
expands_to("", promotion_code="promotion_code")


@route("POST", _PATH, stripe_params.SessionCreateParams)
def create(call: Call) -> Json:
    """Create a session, without an event, as at Stripe."""
    session, private = build_session(call.params)
    return dict(store.add_object(session, private=private, due=session["expires_at"]).data)


@route("GET", _PATH, stripe_params.SessionListParams)
def list_all(call: Call) -> Json:
    expire_due_sessions()
    filters = {}
    if "customer_details" in call.params:
        filters["data__customer_details__email"] = call.params["customer_details"]["email"]
    return list_page(call, _TYPE, *_FILTERS, **filters)


def _find(call: Call) -> Record:
    expire_due_sessions()
    return find_in_path(_TYPE, call.ids["id"], "session")


@route("GET", _PATH + "/{id}", stripe_params.SessionRetrieveParams)
def retrieve(call: Call) -> Json:
    return dict(_find(call).data)


@route("POST", _PATH + "/{id}", stripe_params.SessionUpdateParams)
def update(call: Call) -> Json:
    record = _find(call)
    metadata = merge_metadata(record.data["metadata"], call.params.get("metadata"))
    store.change(record, metadata=metadata)
    return dict(record.data)


@route("GET", _PATH + "/{id}/line_items", stripe_params.SessionLineItemListParams)
def list_line_items(call: Call) -> Json:
    return page_items(call, _find(call).private["line_items"], "item")


@route("POST", _PATH + "/{id}/expire", stripe_params.SessionExpireParams)
def expire(call: Call) -> Json:
    record = _find(call)
    try:
        expire_session(record)
    except WrongStateError:
        raise ApiError(
            'Only Checkout Sessions with a status in ["open"] can be expired. You passed in a Checkout Session with a'
            f" status of {record.data['status']}."
        ) from None
    return dict(record.data)
