"""Both get the reward after the first real payment and the waiting time; never for oneself, never above the cap."""

from __future__ import annotations

import datetime
from decimal import Decimal
from functools import partial
from io import StringIO
from typing import Any

import pytest
from django.core import mail
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from accounts.teams.membership import create_team
from accounts.teams.models import Membership, Role
from billing.checkout.fulfilment import fulfil_purchase
from billing.customers.models import Customer
from billing.mail.referral_rewarded import send_referral_mail
from billing.purchases.models import Payment
from billing.referrals import rewarding
from billing.referrals.models import Device, Referral, Reward
from billing.referrals.referrers import referral_standing
from billing.referrals.rewarding import decide, watch_referrals
from billing.referrals.staff import resume_referrer, stop_referral, stop_referrer
from credits.ledger import operations as ledger
from credits.ledger.models import Entry, Lot
from tests.billing.reporting import deliver
from tests.receipts.papers import SOURCE, pending
from tests.referrals.making import ANOTHER_CARD, REWARD, buy, let_wait, pay, promised, refer, standing
from tests.returns.asking import refund
from tests.returns.selling import charge_of
from tests.support.builders import UserFactory, make_saved_card, paid_report, put_on_sale
from tests.support.racing import at_once
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ada(settings: Any) -> User:
    settings.REFERRAL_REWARD = REWARD
    user: User = UserFactory(email="ada@example.com")
    return user


def test_both_are_rewarded_once_after_the_payment_and_the_wait(ada: User, settings: Any) -> None:
    grace = refer(ada)
    watch_referrals()
    assert (standing(grace), referral_standing(ada).pending) == (("signed_up", ""), 0)
    pay(grace, price_minor=0, list_price_minor=0)
    declined = pending(grace)
    fulfil_purchase(declined.pk, paid_report(declined, state=Payment.State.FAILED), SOURCE)
    watch_referrals()
    assert standing(grace) == ("signed_up", ""), "a free purchase is no payment, nor is a declined card"
    assert referral_standing(ada).pending == 0

    purchase = pay(grace)
    assert referral_standing(ada).pending == 1, "before the job has looked, too"
    watch_referrals()
    referral = Referral.objects.get()
    payment = Payment.objects.get(state="paid")
    assert (referral.state, referral.purchase_id) == ("pending", purchase.pk)
    assert payment.paid_at is not None
    assert referral.due_at == payment.paid_at + datetime.timedelta(days=14)
    assert (promised(ada), Reward.objects.count()) == (0, 0)

    let_wait()
    let_wait()
    decide(referral.pk)
    assert (standing(grace), promised(ada), promised(grace)) == (("rewarded", ""), REWARD, 5000 + REWARD)
    assert (referral_standing(ada).rewarded, referral_standing(ada).pending) == (1, 0)
    entries = Entry.objects.filter(key=f"referral:{referral.pk}")
    assert {(entry.kind, entry.amount) for entry in entries} == {("promotion", REWARD)}
    lots = Lot.objects.filter(referral_reward__isnull=False)
    days = {(lot.expires_at - lot.created_at).days for lot in lots if lot.expires_at}
    assert (len(entries), len(lots), days) == (2, 2, {settings.REFERRAL_VALID_DAYS - 1})

    assert [send_referral_mail(reward.pk) for reward in Reward.objects.all() for _again in range(2)] == [
        True, False, True, False,
    ]  # fmt: skip
    assert {each.to[0] for each in mail.outbox} == {ada.email, grace.email}
    assert all("500 credits" in each.subject for each in mail.outbox)
    call_command("check_ledger", stdout=StringIO())


def same_card(ada: User, grace: User) -> None:
    pay(ada, "shared")
    pay(grace, "shared")


def saved_card(ada: User, grace: User) -> None:
    make_saved_card(ledger.open_account(ada), fingerprint="shared")
    pay(grace, "shared")


def card_of_another(ada: User, grace: User) -> None:
    pay(refer(ada), "shared")
    pay(grace, "shared")


def same_email(ada: User, grace: User) -> None:
    User.objects.filter(pk=grace.pk).update(email="Ada@Example.com")
    pay(grace)


def same_email_at_stripe(ada: User, grace: User) -> None:
    pay(grace)
    Customer.objects.create(account=ledger.open_account(grace), email="ADA@example.com")


def same_device(ada: User, grace: User) -> None:
    for user in (ada, grace):
        Device.objects.create(user=user, cookie_hash="a" * 64)
    pay(grace)


def same_team(ada: User, grace: User) -> None:
    Membership.objects.create(team=create_team(ada, "Engines"), user=grace, role=Role.MEMBER)
    pay(grace)


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (same_card, "same_card"),
        (saved_card, "same_card"),
        (card_of_another, "card_of_another"),
        (same_email, "same_email"),
        (same_email_at_stripe, "same_email"),
        (same_device, "same_device"),
        (same_team, "same_team"),
    ],
)
def test_one_person_in_two_accounts_gets_nothing_and_staff_see_why(ada: User, act: Any, reason: str) -> None:
    grace = refer(ada)
    act(ada, grace)
    let_wait()
    assert (standing(grace), promised(ada)) == (("refused", reason), 0)


def test_without_a_fingerprint_nobody_shares_a_card(ada: User, settings: Any) -> None:
    """A bank account has none."""
    grace = refer(ada)
    pay(ada)
    pay(grace)
    Payment.objects.update(fingerprint="")
    let_wait()
    assert standing(grace) == ("rewarded", "")


def test_a_referrer_gets_the_most_rewards_and_no_more_when_twenty_are_due_at_once(
    ada: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REFERRAL_CAP = 3

    def race() -> int:
        for _each in range(20):
            pay(refer(ada))
        watch_referrals()
        due = Referral.objects.filter(state="pending")
        due.update(due_at=timezone.now())
        keys = list(due.values_list("pk", flat=True))
        at_once(*[partial(decide, key) for key in keys])
        return Reward.objects.filter(account__owner=ada).count()

    assert race() == 3
    assert Referral.objects.filter(state="refused", reason="cap").count() == 17
    # Without the referrer's lock, each counts what the others haven't written yet.
    settings.REFERRAL_CAP = 6
    monkeypatch.setattr(rewarding, "lock_referrer", lambda referrer_id: None)
    assert race() > 6


def test_one_referral_decided_by_many_at_once_is_rewarded_once(ada: User) -> None:
    grace = refer(ada)
    pay(grace)
    watch_referrals()
    Referral.objects.update(due_at=timezone.now())
    key = Referral.objects.get().pk
    at_once(*[lambda: decide(key)] * 8)
    assert (promised(ada), Reward.objects.count()) == (REWARD, 2)


def test_a_refund_claws_back_what_is_left_and_a_failed_one_restores_it(sandbox: Sandbox, ada: User) -> None:
    put_on_sale()
    sandbox.hold_webhooks()
    grace = refer(ada)
    purchase = buy(sandbox, grace)
    let_wait()
    assert standing(grace) == ("rewarded", "")
    ledger.spend(ledger.open_account(ada).pk, Decimal(200), key="spend", reference="job")

    made = refund(purchase, 100)
    deliver(sandbox)
    watch_referrals()
    assert standing(grace) == ("clawed_back", "refunded"), "a part is enough"
    assert (promised(ada), promised(grace)) == (0, 0)
    assert ledger.open_account(ada).debt == 0, "what was spent is written off"
    call_command("check_ledger", stdout=StringIO())

    sandbox.fail_refund(made.stripe_refund_id)
    deliver(sandbox)
    watch_referrals()
    watch_referrals()
    assert (standing(grace), promised(ada), promised(grace)) == (("rewarded", ""), REWARD - 200, REWARD)
    call_command("check_ledger", stdout=StringIO())


def test_a_dispute_claws_back_and_one_that_is_won_restores(sandbox: Sandbox, ada: User) -> None:
    put_on_sale()
    sandbox.hold_webhooks()
    grace = refer(ada)
    purchase = buy(sandbox, grace)
    let_wait()
    made = sandbox.dispute(charge_of(sandbox, purchase))
    deliver(sandbox)
    watch_referrals()
    assert (standing(grace), promised(ada), promised(grace)) == (("clawed_back", "disputed"), 0, 0)
    sandbox.close_dispute(made["id"], "won")
    deliver(sandbox)
    watch_referrals()
    assert (standing(grace), promised(ada), promised(grace)) == (("rewarded", ""), REWARD, REWARD)
    call_command("check_ledger", stdout=StringIO())


def test_before_the_reward_a_refund_refuses_it_and_a_dispute_is_waited_for(
    sandbox: Sandbox, ada: User
) -> None:
    put_on_sale()
    sandbox.hold_webhooks()
    grace, edsger = refer(ada), refer(ada)
    made = refund(buy(sandbox, grace), 1000)
    disputed = sandbox.dispute(charge_of(sandbox, buy(sandbox, edsger, ANOTHER_CARD)))
    deliver(sandbox)
    let_wait()
    assert (standing(grace), standing(edsger)) == (("refused", "refunded"), ("pending", ""))
    sandbox.fail_refund(made.stripe_refund_id)
    sandbox.close_dispute(disputed["id"], "won")
    deliver(sandbox)
    let_wait()
    let_wait()
    assert (standing(grace), standing(edsger)) == (("rewarded", ""), ("rewarded", ""))
    assert promised(ada) == 2 * REWARD


def test_staff_stop_a_referral_for_good(sandbox: Sandbox, ada: User) -> None:
    put_on_sale()
    sandbox.hold_webhooks()
    grace, edsger = refer(ada), refer(ada)
    purchase = buy(sandbox, grace)
    let_wait()
    keys = {each.referred_id: each.pk for each in Referral.objects.all()}
    assert [stop_referral(keys[grace.pk], "a farm") for _again in range(2)] == [True, False]
    assert stop_referral(keys[edsger.pk], "a farm")
    assert (standing(grace), standing(edsger)) == (("clawed_back", "staff"), ("refused", "staff"))
    made = sandbox.dispute(charge_of(sandbox, purchase))
    deliver(sandbox)
    sandbox.close_dispute(made["id"], "won")
    deliver(sandbox)
    pay(edsger)
    let_wait()
    assert (promised(ada), standing(grace), standing(edsger)[0]) == (0, ("clawed_back", "staff"), "refused")


def test_a_stopped_referrer_refers_nobody_until_staff_resume(ada: User) -> None:
    grace, edsger = refer(ada), refer(ada)
    pay(grace)
    let_wait()
    referrer = Referral.objects.filter(referred=grace).get().referrer
    assert [stop_referrer(referrer.pk, "a farm") for _again in range(2)] == [True, False]
    pay(edsger)
    let_wait()
    assert standing(edsger) == ("refused", "referrer_stopped")
    assert standing(grace) == ("rewarded", ""), "what was granted stays"
    assert referral_standing(ada).is_stopped
    assert resume_referrer(referrer.pk, "a mistake")
    pay(barbara := refer(ada))
    let_wait()
    assert standing(barbara) == ("rewarded", "")


def test_while_referrals_are_off_nothing_is_granted_and_nothing_lost(ada: User, settings: Any) -> None:
    grace = refer(ada)
    pay(grace)
    settings.REFERRAL_REWARD = Decimal(0)
    let_wait()
    assert standing(grace) == ("pending", "")
    settings.REFERRAL_REWARD = REWARD
    let_wait()
    assert standing(grace) == ("rewarded", "")


def test_a_crash_in_the_second_grant_undoes_the_first(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    grace = refer(ada)
    pay(grace)
    watch_referrals()
    Referral.objects.update(due_at=timezone.now())
    granted = []

    def dies(*arguments: Any, **facts: Any) -> Any:
        granted.append(arguments)
        if len(granted) == 2:
            raise KeyboardInterrupt
        return grant(*arguments, **facts)

    grant = ledger.grant
    monkeypatch.setattr(ledger, "grant", dies)
    with pytest.raises(KeyboardInterrupt):
        watch_referrals()
    assert (promised(ada), promised(grace), standing(grace)[0]) == (0, 0, "pending")
    watch_referrals()
    assert (promised(ada), promised(grace)) == (REWARD, REWARD)


def test_one_that_cannot_be_granted_holds_up_no_other(ada: User) -> None:
    grace, edsger = refer(ada), refer(ada)
    for user in (grace, edsger):
        pay(user)
    account = ledger.open_account(grace)
    ledger.grant(account.pk, Decimal(10) ** 18 - 5001, kind=Entry.Kind.PROMOTION, key="all", promotional=True)
    let_wait()
    assert (standing(grace)[0], standing(edsger)[0], promised(ada)) == ("pending", "rewarded", REWARD)


def test_the_database_holds_the_rules_by_itself(ada: User) -> None:
    grace = refer(ada)
    other = Referral.objects.get(referred=grace).referrer
    for broken in (
        {"referred": grace},  # a second referrer
        {"referred": ada, "state": "rewarded"},
        {"referred": ada, "state": "refused"},
        {"referred": ada, "state": "pending"},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            Referral.objects.create(referrer=other, **broken)
