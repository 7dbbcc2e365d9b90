"""After an erasure nobody finds the person in any column of any table, and whoever leaves one step out is found out."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.privacy import user_data as person
from accounts.teams import personal_data as teams
from billing.privacy import erasure
from billing.privacy.erasure import erase_user
from billing.purchases.models import Payment
from billing.receipts.models import Receipt
from credits.privacy.credits_data import CreditsData
from tests.billing.reporting import deliver
from tests.billing.worker import run_worker
from tests.personal_data.scan import find_words, places
from tests.personal_data.story import CARD, WORDS, Story
from tests.support.builders import UserFactory, start
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


def test_nothing_that_says_who_they_were_is_left_in_any_table(story: Story) -> None:
    before = places(find_words(WORDS))
    assert before >= EVERYWHERE, EVERYWHERE - before
    erase_user(story.person.pk)
    assert find_words(WORDS) == []


def test_no_digits_of_their_cards_are_left(story: Story) -> None:
    """Four digits stand by chance in many a number, so they are looked for where they belong."""
    payments = Payment.objects.filter(purchase__user=story.person)
    receipts = Receipt.objects.filter(purchase__user=story.person)
    assert {"3155", "9995"} <= set(payments.values_list("last4", flat=True))
    assert any("3155" in receipt.paid_with for receipt in receipts)

    erase_user(story.person.pk)

    assert set(payments.values_list("last4", "fingerprint", "bank")) == {("", "", "")}
    assert set(receipts.values_list("paid_with", flat=True)) == {""}
    assert set(payments.filter(state="paid").values_list("brand", flat=True)) == {"visa"}


@pytest.mark.parametrize("who", ["erased", "deleted"])
def test_a_card_reported_after_an_erasure_is_not_kept(sandbox: Sandbox, who: str) -> None:
    sandbox.hold_webhooks()
    person = UserFactory.create()
    started = start(person, "standard")
    sandbox.pay(started.session_id, CARD)
    deliver(sandbox, types=["checkout.session.completed"])
    if who == "erased":
        erase_user(person.pk, forfeit=True)
    else:
        person.delete()

    assert set(deliver(sandbox)) == {200}
    run_worker()

    payment = Payment.objects.get(purchase=started.purchase.pk)
    assert (payment.state, payment.brand) == ("paid", "visa")
    assert (payment.last4, payment.fingerprint, payment.bank) == ("", "", "")


# Where the story leaves traces: where one of these is missing, the test above has nothing to prove there.
EVERYWHERE = {
    "accounts_user.email",
    "accounts_user.first_name",
    "accounts_user.last_name",
    "accounts_user.oidc_sub",
    "accounts_user.username",
    "inbox_inboxevent.payload",
    "purchases_payment.fingerprint",
    "purchases_purchase.idempotency_key",
    "receipts_receipt.buyer",
    "refunds_refund.note",
    "credits_gift.message",
    "django_admin_log.object_repr",
    "django_session.inside",
    "djstripe_charge.stripe_data",
    "djstripe_event.data",
    "djstripe_paymentmethod.stripe_data",
    "djstripe_session.stripe_data",
    "teams_invitation.email",
    "teams_team.name",
}


@pytest.mark.parametrize(
    ("room", "step", "where"),
    [
        (erasure, "hide_stripe_copies", "inbox_inboxevent.payload"),
        (erasure, "hide_stripe_copies", "djstripe_charge.stripe_data"),
        (CreditsData, "erase", "credits_gift.message"),
        (teams, "_erase_invitations", "teams_invitation.email"),
        (person, "_end_sessions", "django_session.inside"),
        (person, "_erase_from_history", "django_admin_log.object_repr"),
    ],
)
def test_an_erasure_that_leaves_a_step_out_is_found_out(
    story: Story, monkeypatch: pytest.MonkeyPatch, room: Any, step: str, where: str
) -> None:
    monkeypatch.setattr(room, step, lambda *_args: {})
    erase_user(story.person.pk)
    assert where in places(find_words(WORDS))
