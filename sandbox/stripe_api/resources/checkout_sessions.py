"""Checkout sessions: made by the merchant, paid by the buyer on the hosted page."""

from typing import Any

from stripe.params.checkout._session_create_params import SessionCreateParams
from stripe.params.checkout._session_expire_params import SessionExpireParams
from stripe.params.checkout._session_line_item_list_params import SessionLineItemListParams
from stripe.params.checkout._session_list_params import SessionListParams
from stripe.params.checkout._session_retrieve_params import SessionRetrieveParams
from stripe.params.checkout._session_update_params import SessionUpdateParams

from sandbox import store
from sandbox.models import Record
from sandbox.payments.sessions import NotPayableError, expire_due_sessions, expire_session
from sandbox.shapes import Json
from sandbox.stripe_api.errors import ApiError, NoSuchObjectError
from sandbox.stripe_api.expansion import expands_by, expands_to
from sandbox.stripe_api.fields import find_in_path
from sandbox.stripe_api.lists import list_page, make_list, pick_filters, read_limit
from sandbox.stripe_api.metadata import merge_metadata
from sandbox.stripe_api.routing import Call, route
from sandbox.stripe_api.session_building import build_session

_TYPE = "checkout.session"
_PATH = "/v1/checkout/sessions"


def _list_line_items(session: Json) -> Json:
    """A session's items, absent from it unless asked for."""
    items = store.get_record(_TYPE, session["id"]).private["line_items"]
    return make_list(f"{_PATH}/{session['id']}/line_items", items[:10], has_more=len(items) > 10)


expands_to(_TYPE, customer="customer", invoice="invoice", payment_intent="payment_intent")
expands_by(_TYPE, "line_items", _list_line_items)


@route("POST", _PATH, SessionCreateParams)
def create(call: Call) -> Json:
    """Creating a session emits no event, at Stripe and here."""
    session, private = build_session(call.params, call.base_url)
    return dict(store.add_object(session, private=private, due=session["expires_at"]).data)


@route("GET", _PATH, SessionListParams)
def list_all(call: Call) -> Json:
    expire_due_sessions()
    filters = pick_filters(
        call.params, "customer", "payment_intent", "status", "payment_link", "subscription"
    )
    if "customer_details" in call.params:
        filters["data__customer_details__email"] = call.params["customer_details"]["email"]
    return list_page(call, _TYPE, **filters)


def _find(call: Call) -> Record:
    expire_due_sessions()
    return find_in_path(_TYPE, call.ids["session"], "session")


@route("GET", _PATH + "/{session}", SessionRetrieveParams)
def retrieve(call: Call) -> Json:
    return dict(_find(call).data)


@route("POST", _PATH + "/{session}", SessionUpdateParams)
def update(call: Call) -> Json:
    record = _find(call)
    metadata = merge_metadata(record.data["metadata"], call.params.get("metadata"))
    store.change(record, metadata=metadata)
    return dict(record.data)


@route("GET", _PATH + "/{session}/line_items", SessionLineItemListParams)
def list_line_items(call: Call) -> Json:
    items: list[Json] = _find(call).private["line_items"]
    limit = read_limit(call.params)
    start = _find_start(items, call.params)
    return make_list(call.path, items[start : start + limit], has_more=len(items) > start + limit)


def _find_start(items: list[Json], params: dict[str, Any]) -> int:
    """Where the page begins, by `starting_after`. Items stand in the order they were given."""
    cursor = params.get("starting_after")
    if cursor is None:
        return 0
    ids = [item["id"] for item in items]
    if cursor not in ids:
        raise NoSuchObjectError.in_parameter("item", cursor, "starting_after")
    return ids.index(cursor) + 1


@route("POST", _PATH + "/{session}/expire", SessionExpireParams)
def expire(call: Call) -> Json:
    record = _find(call)
    try:
        expire_session(record)
    except NotPayableError:
        raise ApiError(
            'Only Checkout Sessions with a status in ["open"] can be expired. You passed in a Checkout Session with a'
            f" status of {record.data['status']}."
        ) from None
    return dict(record.data)
