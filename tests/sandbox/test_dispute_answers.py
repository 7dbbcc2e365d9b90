"""What a merchant does about a dispute: look it up, answer it with evidence, or give in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import stripe

from tests.sandbox.calling import Pay, find_event, list_events_of
from tests.support.sandbox import Sandbox


@pytest.fixture
def dispute_id(sandbox: Sandbox, pay: Pay) -> str:
    return str(sandbox.dispute(pay())["id"])


def answer(client: stripe.StripeClient, dispute_id: str, text: str, **params: Any) -> stripe.Dispute:
    evidence = {"uncategorized_text": text}
    return client.v1.disputes.update(dispute_id, {"evidence": evidence, **params})  # type: ignore[arg-type]


def list_told(sandbox: Sandbox) -> list[str]:
    """What was told after a dispute was opened."""
    opened = ("charge.dispute.created", "charge.dispute.funds_withdrawn")
    return [name for name in list_events_of(sandbox, "charge.dispute.") if name not in opened]


def test_disputes_are_found_by_charge_intent_and_time(
    sandbox: Sandbox, client: stripe.StripeClient, pay: Pay
) -> None:
    first = sandbox.dispute(pay())
    now = sandbox.post("/_sandbox/clock", {"advance_s": 1000})["now"]
    second = sandbox.dispute(pay())

    def find(**params: Any) -> list[str]:
        return [dispute.id for dispute in client.v1.disputes.list(params).data]  # type: ignore[arg-type]

    assert find() == [second["id"], first["id"]]
    assert find(charge=first["charge"]) == [first["id"]]
    assert find(payment_intent=second["payment_intent"]) == [second["id"]]
    assert find(created={"lt": now - 500}) == [first["id"]]
    assert find(limit=1, starting_after=second["id"]) == [first["id"]]


def test_a_dispute_leads_to_its_charge_and_a_missing_one_to_none(
    client: stripe.StripeClient, dispute_id: str
) -> None:
    paths = ["charge", "payment_intent"]
    dispute = client.v1.disputes.retrieve(dispute_id, {"expand": paths}).to_dict()
    assert dispute["payment_intent"]["latest_charge"] == dispute["charge"]["id"]
    with pytest.raises(stripe.InvalidRequestError) as error:
        client.v1.disputes.retrieve("du_none")
    assert (error.value.http_status, error.value.user_message) == (404, "No such dispute: 'du_none'")


@pytest.mark.parametrize("inquiry", [False, True])
def test_evidence_is_handed_to_the_bank(
    sandbox: Sandbox, client: stripe.StripeClient, pay: Pay, inquiry: bool
) -> None:
    opened = sandbox.dispute(pay(), inquiry=inquiry)
    answered = answer(client, opened["id"], "They used it.")
    expected = "warning_under_review" if inquiry else "under_review"
    assert (answered.status, answered.evidence.uncategorized_text) == (expected, "They used it.")
    details = answered.evidence_details
    assert (details.has_evidence, details.submission_count, details.past_due) == (True, 1, False)
    assert list_told(sandbox) == ["charge.dispute.updated"]
    previous = find_event(sandbox, "charge.dispute.updated")["previous_attributes"]
    assert (previous["status"], previous["evidence"]) == (opened["status"], opened["evidence"])


def test_evidence_can_be_collected_first_and_handed_in_later(
    client: stripe.StripeClient, dispute_id: str
) -> None:
    staged = answer(client, dispute_id, "They used it.", submit=False)
    assert (staged.status, staged.evidence_details.submission_count) == ("needs_response", 0)
    assert staged.evidence_details.has_evidence
    noted = client.v1.disputes.update(dispute_id, {"metadata": {"case": "7"}})
    assert (noted.status, noted.evidence_details.submission_count) == ("needs_response", 0)
    params: Any = {"evidence": {"customer_name": "Jenny"}, "submit": True}
    handed_in = client.v1.disputes.update(dispute_id, params)
    assert (handed_in.status, handed_in.evidence_details.submission_count) == ("under_review", 1)
    evidence = handed_in.evidence
    assert (evidence.customer_name, evidence.uncategorized_text) == ("Jenny", "They used it.")


def test_evidence_after_its_day_is_past_due(
    sandbox: Sandbox, client: stripe.StripeClient, dispute_id: str
) -> None:
    sandbox.post("/_sandbox/clock", {"advance_s": 9 * 24 * 60 * 60})
    assert answer(client, dispute_id, "Late.").evidence_details.past_due


def test_metadata_is_no_answer(sandbox: Sandbox, client: stripe.StripeClient, dispute_id: str) -> None:
    noted = client.v1.disputes.update(dispute_id, {"metadata": {"case": "7"}})
    assert (noted.status, noted.metadata.to_dict()) == ("needs_response", {"case": "7"})
    assert noted.evidence_details.submission_count == 0
    assert find_event(sandbox, "charge.dispute.updated")["previous_attributes"] == {"metadata": {}}
    client.v1.disputes.update(dispute_id, {"metadata": {"case": "7"}})
    assert list_told(sandbox) == ["charge.dispute.updated"]


def test_evidence_of_an_unknown_kind_is_refused(client: stripe.StripeClient, dispute_id: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as error:
        client.v1.disputes.update(dispute_id, {"evidence": {"rumour": "x"}})  # type: ignore[arg-type]
    assert error.value.param == "evidence[rumour]"


@pytest.mark.parametrize(
    ("inquiry", "words", "status", "told"),
    [
        (False, "winning_evidence", "won", ["charge.dispute.closed", "charge.dispute.funds_reinstated"]),
        (False, "losing_evidence", "lost", ["charge.dispute.closed"]),
        (False, "escalate_inquiry_evidence", "under_review", []),
        (True, "winning_evidence", "warning_closed", ["charge.dispute.closed"]),
        (True, "losing_evidence", "warning_closed", ["charge.dispute.closed"]),
        (True, "escalate_inquiry_evidence", "needs_response", ["charge.dispute.updated"]),
    ],
)
def test_magic_words_decide(
    sandbox: Sandbox,
    client: stripe.StripeClient,
    pay: Pay,
    inquiry: bool,
    words: str,
    status: str,
    told: list[str],
) -> None:
    dispute_id = sandbox.dispute(pay(), inquiry=inquiry)["id"]
    answered = answer(client, dispute_id, words, submit=False)
    assert list_told(sandbox) == ["charge.dispute.updated"]  # staged words decide nothing
    answered = client.v1.disputes.update(dispute_id, {"submit": True})
    assert answered.status == ("warning_under_review" if inquiry else "under_review")
    assert client.v1.disputes.retrieve(dispute_id).status == status
    assert list_told(sandbox)[2:] == told


def test_giving_in_loses_the_dispute(sandbox: Sandbox, client: stripe.StripeClient, dispute_id: str) -> None:
    assert client.v1.disputes.close(dispute_id).status == "lost"
    assert list_told(sandbox) == ["charge.dispute.closed"]
    assert find_event(sandbox, "charge.dispute.closed")["previous_attributes"] == {"status": "needs_response"}


@pytest.mark.parametrize("ending", ["won", "lost"])
def test_what_is_decided_stays_decided(
    sandbox: Sandbox, client: stripe.StripeClient, dispute_id: str, ending: str
) -> None:
    sandbox.close_dispute(dispute_id, ending)
    attempts: list[Callable[[], stripe.Dispute]] = [
        lambda: client.v1.disputes.close(dispute_id),
        lambda: answer(client, dispute_id, "But!"),
        lambda: client.v1.disputes.update(dispute_id, {"metadata": {"case": "7"}}),
    ]
    for attempt in attempts:
        with pytest.raises(stripe.InvalidRequestError) as error:
            attempt()
        assert error.value.user_message == "This dispute is already closed"
    assert client.v1.disputes.retrieve(dispute_id).status == ending


def test_one_key_answers_once(client: stripe.StripeClient, dispute_id: str) -> None:
    params: Any = {"evidence": {"uncategorized_text": "They used it."}}
    for _ in range(2):
        answered = client.v1.disputes.update(dispute_id, params, {"idempotency_key": "k"})
    assert answered.evidence_details.submission_count == 1
    assert client.v1.disputes.retrieve(dispute_id).evidence_details.submission_count == 1
