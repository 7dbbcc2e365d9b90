"""Disputes: opened and decided by banks, answered by the merchant."""

from collections.abc import Iterator
from contextlib import contextmanager

from stripe.params._dispute_close_params import DisputeCloseParams
from stripe.params._dispute_list_params import DisputeListParams
from stripe.params._dispute_retrieve_params import DisputeRetrieveParams
from stripe.params._dispute_update_params import DisputeUpdateParams

from sandbox.models import Record
from sandbox.payments.disputes import accept_dispute
from sandbox.payments.evidence import change_answer, decide_by_magic_words
from sandbox.payments.states import WrongStateError
from sandbox.shapes import Json
from sandbox.stripe_api.errors import ApiError
from sandbox.stripe_api.expansion import expands_by, expands_to
from sandbox.stripe_api.fields import find_in_path
from sandbox.stripe_api.lists import list_page, pick_filters
from sandbox.stripe_api.metadata import merge_metadata
from sandbox.stripe_api.routing import Call, route

expands_to("dispute", charge="charge", payment_intent="payment_intent")
# They are whole already: asking for them changes nothing.
expands_by("dispute", "balance_transactions", lambda dispute: dispute.get("balance_transactions"))


@route("GET", "/v1/disputes", DisputeListParams)
def list_all(call: Call) -> Json:
    return list_page(call, "dispute", **pick_filters(call.params, "charge", "payment_intent"))


def _find(call: Call) -> Record:
    return find_in_path("dispute", call.ids["dispute"], "dispute")


@route("GET", "/v1/disputes/{dispute}", DisputeRetrieveParams)
def retrieve(call: Call) -> Json:
    return dict(_find(call).data)


@route("POST", "/v1/disputes/{dispute}", DisputeUpdateParams)
def update(call: Call) -> Json:
    """The answer says `under_review` even where magic words decide at once: at Stripe that comes seconds later."""
    dispute, params = _find(call), call.params
    evidence = params.get("evidence", {})
    submit = params.get("submit", bool(evidence))
    metadata = merge_metadata(dispute.data["metadata"], params.get("metadata"))
    with _refusing_what_is_over():
        change_answer(dispute, evidence=evidence, submit=submit, metadata=metadata)
    answer = dict(dispute.data)
    if submit:
        decide_by_magic_words(dispute)
    return answer


@route("POST", "/v1/disputes/{dispute}/close", DisputeCloseParams)
def close(call: Call) -> Json:
    dispute = _find(call)
    with _refusing_what_is_over():
        accept_dispute(dispute)
    return dict(dispute.data)


@contextmanager
def _refusing_what_is_over() -> Iterator[None]:
    try:
        yield
    except WrongStateError:
        raise ApiError("This dispute is already closed") from None
