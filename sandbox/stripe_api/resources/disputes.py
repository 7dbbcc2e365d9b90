"""Read disputes, submit evidence and accept them."""

from collections.abc import Iterator
from contextlib import contextmanager

from stripe import params as stripe_params

from sandbox.models import Record
from sandbox.payments.disputes import accept_dispute, decide_by_magic_words, update_evidence
from sandbox.payments.states import WrongStateError
from sandbox.shapes import Json
from sandbox.stripe_api.errors import ApiError
from sandbox.stripe_api.expansion import expands_by, expands_to
from sandbox.stripe_api.fields import find_in_path, merge_metadata
from sandbox.stripe_api.lists import serve_reading
from sandbox.stripe_api.routing import Call, route

serve_reading("dispute", "charge", "payment_intent", id_param="dispute")
expands_to("dispute", charge="charge", payment_intent="payment_intent")
# They are always complete: expanding them changes nothing.
expands_by("dispute", "balance_transactions", lambda dispute: dispute.get("balance_transactions"))


@route("POST", "/v1/disputes/{id}", stripe_params.DisputeUpdateParams)
def update(call: Call) -> Json:
    """Submit evidence. The answer is `under_review` even with magic words, on which Stripe acts seconds later."""
    dispute, params = _find(call), call.params
    evidence = params.get("evidence", {})
    submit = params.get("submit", bool(evidence))
    metadata = merge_metadata(dispute.data["metadata"], params.get("metadata"))
    with _refusing_closed():
        update_evidence(dispute, evidence=evidence, submit=submit, metadata=metadata)
    answer = dict(dispute.data)
    if submit:
        decide_by_magic_words(dispute)
    return answer


@route("POST", "/v1/disputes/{id}/close", stripe_params.DisputeCloseParams)
def close(call: Call) -> Json:
    dispute = _find(call)
    with _refusing_closed():
        accept_dispute(dispute)
    return dict(dispute.data)


def _find(call: Call) -> Record:
    return find_in_path("dispute", call.ids["id"], "dispute")


@contextmanager
def _refusing_closed() -> Iterator[None]:
    try:
        yield
    except WrongStateError:
        raise ApiError("This dispute is already closed") from None
