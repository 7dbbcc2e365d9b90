"""Staff see who referred whom and why one is refused, and stop abuse with a reason that is kept."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from accounts.audit.models import AuditEntry
from accounts.models import User
from billing.admin.roles import bring_groups_up_to_date
from billing.privacy.erasure import erase_user
from billing.referrals.models import Device, Referral, Referrer
from billing.referrals.referrers import referrer_of
from billing.referrals.rewarding import watch_referrals
from credits.ledger import operations as ledger
from tests.admin.customers.rows import make_customer, url_of
from tests.admin.pages import button_of, count_queries, history_of, list_of, messages_after, page_of, read
from tests.referrals.making import REWARD, let_wait, pay, promised, refer, standing
from tests.support.builders import UserFactory
from tests.support.signing_in import sign_in

pytestmark = pytest.mark.django_db(transaction=True)
REASON = {"_form_submitted": "True", "reason": "A farm"}


@pytest.fixture
def ada(settings: Any) -> User:
    settings.REFERRAL_REWARD = REWARD
    return make_customer()


def test_the_lists_and_the_customers_page_say_who_referred_whom_and_why_not(
    ada: User, as_superuser: Client
) -> None:
    grace, edsger = refer(ada, username="grace"), refer(ada, username="edsger")
    pay(grace, "shared")
    pay(edsger, "shared")
    let_wait()
    listed = read(as_superuser, list_of(Referral))
    for shown in ("grace", "edsger", "ada", "Refused", "paid with the card of another referred user"):
        assert shown in listed, shown
    refused = Referral.objects.get(referred=grace)
    assert "paid with the card of another" in read(as_superuser, page_of(refused))
    for word in ("grace", str(grace.pk), referrer_of(ada).code):
        assert str(refused.pk) in read(as_superuser, list_of(Referral), q=word), word
    assert str(refused.pk) not in read(as_superuser, list_of(Referral), q="nobody")
    code = referrer_of(ada).code
    assert code in read(as_superuser, list_of(Referrer), q="ada")
    assert code in read(as_superuser, page_of(referrer_of(ada)))
    for user in (ada, grace):
        assert page_of(refused) in read(as_superuser, url_of(user))


def test_the_lists_and_the_page_ask_as_often_for_any_number_of_referrals(
    ada: User, as_superuser: Client
) -> None:
    counts = set()
    for _each in range(3):
        for _one in range(2):
            pay(refer(ada))
            referrer_of(UserFactory())
        let_wait()
        counts.add(
            tuple(
                count_queries(as_superuser, url)
                for url in (list_of(Referral), list_of(Referrer), url_of(ada))
            )
        )
    assert len(counts) == 1


def test_those_who_may_stop_a_referrer_and_a_referral_say_why_and_it_is_kept(ada: User) -> None:
    grace = refer(ada)
    pay(grace)
    let_wait()
    bring_groups_up_to_date()
    clerk: User = UserFactory.create(is_staff=True)
    referral, referrer = Referral.objects.get(), referrer_of(ada)
    assert sign_in(clerk).post(button_of(referral, "stop"), REASON).status_code == 403
    assert standing(grace) == ("rewarded", "")

    clerk.groups.add(Group.objects.get(name="support"))
    client = sign_in(clerk)
    client.post(button_of(referral, "stop"), {**REASON, "reason": ""})
    assert standing(grace) == ("rewarded", "")
    said = [messages_after(client.post(button_of(referral, "stop"), REASON))[-1] for _again in range(2)]
    assert said == ["Stopped", "That was done before. Nothing changed."]
    assert (standing(grace), promised(ada)) == (("clawed_back", "staff"), 0)
    said = [
        messages_after(client.post(button_of(referrer, name), REASON))[-1]
        for name in ("stop", "stop", "resume")
    ]
    assert said == ["Stopped", "That was done before. Nothing changed.", "Resumed"]

    assert (Referral.objects.get().note, Referrer.objects.get().note) == ("A farm", "A farm")
    assert ("Stopped: A farm" in str(history_of(referral)), len(history_of(referrer))) == (True, 2)
    entries = AuditEntry.objects.filter(kind__startswith="referrals.", actor_id=clerk.pk)
    assert entries.filter(kind="referrals.referral", after__state="clawed_back").count() == 1
    assert entries.filter(kind="referrals.referrer").count() == 2


def test_an_erased_user_is_neither_rewarded_nor_left_with_a_device(ada: User) -> None:
    grace, edsger = refer(ada), refer(ada)
    Device.objects.create(user=grace, cookie_hash="a" * 64)
    pay(edsger)
    watch_referrals()
    Referral.objects.filter(state="pending").update(due_at=timezone.now())
    erase_user(grace.pk)
    assert (standing(grace), Device.objects.count()) == (("refused", "erased"), 0)
    ledger.open_account(ada)
    erase_user(ada.pk)
    watch_referrals()
    assert standing(edsger) == ("refused", "erased")
