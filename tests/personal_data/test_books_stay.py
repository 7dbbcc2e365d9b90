"""What an erasure leaves: books with the same sums, events that still have their effect, nobody who can sign in."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.db import IntegrityError, connection, transaction
from djstripe import models as djstripe
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts import people
from accounts.models import User
from accounts.teams.models import Membership
from billing.inbox.models import InboxEvent
from billing.privacy.erasure import erase_user, hide_late_copies
from billing.purchases.models import Purchase
from billing.refunds.models import Refund
from billing.stripe.masking import MASK
from billing.webhooks.receiving import reapply_event
from credits.gifts.models import Gift
from credits.ledger.models import Account
from credits.proof.chain import head_at, take_head
from credits.proof.checking import find_violations
from tests.accounts.browsers import Browser
from tests.billing.reporting import deliver
from tests.billing.worker import run_worker
from tests.personal_data.scan import find_words
from tests.personal_data.story import SUBJECT, WORDS, Story
from tests.returns.asking import refund_in_dashboard
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

SUMS = """
    SELECT (SELECT jsonb_object_agg(kind, total) FROM (SELECT kind, sum(amount) total FROM credits_entry GROUP BY 1) k),
           (SELECT jsonb_object_agg(id, balance || '/' || held || '/' || debt) FROM credits_account),
           (SELECT sum(remaining) FROM credits_lot),
           (SELECT jsonb_object_agg(id, status || paid_minor || refunded_minor) FROM purchases_purchase
            WHERE paid_minor IS NOT NULL),
           (SELECT jsonb_object_agg(id, status || amount_minor) FROM refunds_refund),
           (SELECT jsonb_object_agg(id, status || amount_minor) FROM refunds_dispute)
"""


def sums() -> Any:
    with connection.cursor() as cursor:
        cursor.execute(SUMS)
        return cursor.fetchone()


def test_the_books_are_the_same_to_the_last_seal(story: Story) -> None:
    before, head = sums(), take_head()
    erase_user(story.person.pk)
    assert (sums(), head_at(head.at)) == (before, head)
    assert list(find_violations()) == []


def test_the_row_stays_and_says_nothing(story: Story) -> None:
    erase_user(story.person.pk)
    erased = User.objects.get(pk=story.person.pk)
    assert erased.username == f"erased-{story.person.pk}"
    assert (erased.email, erased.first_name, erased.last_name, erased.oidc_sub) == ("", "", "", None)
    assert (erased.is_active, erased.has_usable_password(), erased.last_login) == (False, False, None)
    assert erased.erased_at is not None
    assert Purchase.objects.get(pk=story.purchase.pk).user == erased
    assert not Membership.objects.filter(user=erased).exists()
    assert str(erased.pk) not in {session.get_decoded().get("_auth_user_id") for session in sessions()}


def sessions() -> list[Session]:
    found = list(Session.objects.all())
    assert found  # the staff's are there
    return found


def test_others_keep_what_is_theirs(story: Story) -> None:
    friends = dict.fromkeys(
        InboxEvent.objects.filter(purchase__user=story.friend).values_list("pk", flat=True)
    )
    erase_user(story.person.pk)
    friend = User.objects.get(pk=story.friend.pk)
    assert (friend.email, friend.erased_at, friend.is_active) == ("friend@example.com", None, True)
    payloads = InboxEvent.objects.filter(pk__in=friends).values_list("payload", flat=True)
    assert friends
    assert all(MASK not in str(payload) for payload in payloads)
    assert Membership.objects.filter(user=friend).count() == 2


@pytest.mark.parametrize("column", ["email", "first_name", "oidc_sub"])
def test_nothing_is_written_into_an_erased_row_again(story: Story, column: str) -> None:
    erase_user(story.person.pk)
    with pytest.raises(IntegrityError, match="accounts_user_erased_is_nobody"), transaction.atomic():
        User.objects.filter(pk=story.person.pk).update(**{column: "zenobia"})


def test_erasing_twice_says_it_is_done(story: Story) -> None:
    first = erase_user(story.person.pk)
    again = erase_user(story.person.pk)
    assert (first.repeated, again.repeated) == (False, True)
    assert again.to_redact == first.to_redact != []
    assert User.objects.get(pk=story.person.pk).username == f"erased-{story.person.pk}"


def test_the_same_person_signing_in_later_is_somebody_new(story: Story, live_server: Any) -> None:
    erase_user(story.person.pk)
    browser = Browser(live_server.url)
    browser.sign_in("buyer")
    browser.http.close()
    assert User.objects.get(oidc_sub=SUBJECT).pk != story.person.pk


def test_a_token_that_is_being_read_meanwhile_brings_nobody_back(story: Story) -> None:
    """The user was found before they were erased, and is brought up to date after."""
    found = User.objects.get(pk=story.person.pk)
    erase_user(story.person.pk)
    claims = {
        "sub": SUBJECT,
        "iat": int(time.time()),
        "email": "new@example.net",
        "email_verified": True,
        "given_name": "Zoe",
    }
    people._bring_up_to_date(found, people.Identity.from_claims(claims), always=True)
    assert User.objects.get(pk=story.person.pk).email == ""


def test_a_refund_reported_later_is_booked_and_brings_nothing_back(sandbox: Sandbox, story: Story) -> None:
    erase_user(story.person.pk)
    refund_in_dashboard(story.purchase, 900)
    assert set(deliver(sandbox)) == {200}
    run_worker()
    assert Refund.objects.filter(payment__purchase=story.purchase, amount_minor=900).exists()
    assert Purchase.objects.get(pk=story.purchase.pk).refunded_minor == 450 + 900
    assert find_words(WORDS) == []
    assert InboxEvent.objects.filter(type="charge.refunded").count() == 2


def test_events_whose_personal_data_is_hidden_have_the_same_effect_again(story: Story) -> None:
    erase_user(story.person.pk)
    before = sums()
    for event in InboxEvent.objects.order_by("stripe_created", "received_at"):
        assert reapply_event(event.pk) in InboxEvent.DONE
    assert sums() == before


def test_what_was_being_mirrored_meanwhile_is_hidden_by_the_job(story: Story) -> None:
    charge = djstripe.Charge.objects.filter(stripe_data__metadata__user_id=str(story.person.pk)).first()
    assert charge is not None
    erase_user(story.person.pk)
    djstripe.Charge.objects.filter(pk=charge.pk).update(stripe_data=charge.stripe_data)
    assert find_words(WORDS)
    (job,) = ProcrastinateJob.objects.filter(task_name="billing.hide_late_copies")
    assert job.args == {"user_id": str(story.person.pk)}
    hide_late_copies(story.person.pk)
    assert find_words(WORDS) == []


def test_gifts_lose_their_words_and_keep_their_amounts(story: Story) -> None:
    erase_user(story.person.pk)
    assert set(Gift.objects.values_list("message", "amount")) == {("", Decimal(10))}
    assert Account.objects.filter(owner=story.person).exists()
