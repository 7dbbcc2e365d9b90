"""A checkout that expired is recalled to its buyer by one mail, if they agreed to it and still may buy the same."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.core import mail
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.teams.membership import create_team, remove_member
from billing.checkout.dismissal import dismiss_checkout
from billing.discounts.models import DiscountCode
from billing.mail.checkout_reminder import send_checkout_reminder
from billing.packages.models import Package
from billing.privacy.erasure import erase_user
from billing.purchases.log import Source
from billing.purchases.models import Purchase, PurchaseEvent
from billing.recovery.consents import agree, has_agreed, reminder_wording
from billing.recovery.models import Reminder, ReminderConsent
from billing.recovery.reminding import BETWEEN_REMINDERS, defer_due_reminders
from billing.recovery.selectors import recovery_between
from tests.billing.calling import browser_of
from tests.billing.reporting import deliver
from tests.credits.builders import no_triggers
from tests.receipts.papers import paid
from tests.support.builders import UserFactory, put_on_sale, start
from tests.support.racing import at_once
from tests.support.sandbox import Sandbox
from tests.teams.builders import join

pytestmark = pytest.mark.django_db(transaction=True)
State, Reason = Reminder.State, Reminder.Reason


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox, settings: Any) -> None:
    settings.CHECKOUT_REMINDERS = True
    put_on_sale()
    sandbox.hold_webhooks()


@pytest.fixture
def user() -> User:
    buyer: User = UserFactory(email="ada@example.com")
    agree(buyer)
    return buyer


def expired(sandbox: Sandbox, user: User, **order: Any) -> Purchase:
    """A checkout that its buyer left, and that expired at Stripe."""
    started = start(user, **order)
    sandbox.expire(started.session_id)
    deliver(sandbox)
    return Purchase.objects.get(pk=started.purchase.pk)


def due(purchase: Purchase) -> Reminder:
    """The reminder that the job found due, not sent yet."""
    assert defer_due_reminders() >= 1
    return Reminder.objects.get(purchase=purchase)


def outcome(reminder: Reminder) -> tuple[str, str]:
    send_checkout_reminder(reminder.pk)
    reminder.refresh_from_db()
    return reminder.state, reminder.reason


def links(text: str) -> tuple[str, str]:
    """The paths that a mail leads to: to continue, and to stop."""
    resume, stop = (re.search(rf"/credits/\S+/{what}", text) for what in ("resume", "stop"))
    assert resume is not None
    assert stop is not None
    return resume[0], stop[0]


def test_an_expired_checkout_is_recalled_once_and_bought_from_the_mail(user: User, sandbox: Sandbox) -> None:
    client = browser_of(user)
    purchase = expired(sandbox, user)
    reminder = due(purchase)
    assert defer_due_reminders() == 0
    at_once(*[partial(send_checkout_reminder, reminder.pk)] * 3)
    send_checkout_reminder(reminder.pk)

    (sent,) = mail.outbox
    resume, stop = links(str(sent.body))
    assert sent.to == ["ada@example.com"]
    assert sent.extra_headers["List-Unsubscribe"].endswith(f"{stop}>")
    page = client.get(resume).content.decode()
    assert "has changed" not in page
    assert browser_of(UserFactory()).get(resume).status_code == 404

    fields = dict(re.findall(r'name="(order_token|price|currency|credits)" value="([^"]+)"', page))
    first, second = (client.post(resume, fields) for _ in range(2))
    assert first.status_code == 303
    assert first["Location"] == second["Location"]
    begun = Purchase.objects.exclude(pk=purchase.pk).get()
    assert (begun.price, begun.credits, begun.account) == (purchase.price, purchase.credits, purchase.account)
    now = timezone.now()
    period = (now - timedelta(days=1), now + timedelta(days=1))
    assert vars(recovery_between(*period)) == {"sent": 1, "paid": 0}
    sandbox.pay(begun.stripe_session_id or "")
    deliver(sandbox)
    assert vars(recovery_between(*period)) == {"sent": 1, "paid": 1}
    assert client.get(resume)["Location"] == "/credits/history/"


def bought_again(user: User, purchase: Purchase) -> None:
    paid(user, package_code=purchase.package_code)


def opened_again(user: User, purchase: Purchase) -> None:
    start(user)


def paid_late(user: User, purchase: Purchase) -> None:
    Purchase.objects.filter(pk=purchase.pk).update(status="failed")


def withdrawn(user: User, purchase: Purchase) -> None:
    browser_of(user).post("/credits/reminders", {"on": ""})


def suspended(user: User, purchase: Purchase) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def erased(user: User, purchase: Purchase) -> None:
    erase_user(user.pk)


def dearer(user: User, purchase: Purchase) -> None:
    Package.objects.filter(code=purchase.package_code).update(price_minor=1100)


def off_sale(user: User, purchase: Purchase) -> None:
    Package.objects.filter(code=purchase.package_code).update(is_active=False)


@pytest.mark.parametrize(
    ("meanwhile", "reason"),
    [
        (bought_again, Reason.BOUGHT),
        (opened_again, Reason.BOUGHT),
        (paid_late, Reason.NOT_EXPIRED),
        (withdrawn, Reason.NO_CONSENT),
        (suspended, Reason.BUYER_GONE),
        (erased, Reason.BUYER_GONE),
        (dearer, Reason.CHANGED),
        (off_sale, Reason.CHANGED),
    ],
)
def test_nobody_is_reminded_of_what_no_longer_stands(
    meanwhile: Any, reason: str, user: User, sandbox: Sandbox
) -> None:
    purchase = expired(sandbox, user)
    reminder = due(purchase)
    meanwhile(user, purchase)
    assert outcome(reminder) == (State.SKIPPED, reason)
    assert mail.outbox == []


def test_who_dismissed_the_checkout_isnt_reminded_even_if_stripes_event_came_first(
    user: User, sandbox: Sandbox
) -> None:
    purchase = start(user).purchase
    sandbox.release_webhooks()
    dismiss_checkout(purchase, Source(PurchaseEvent.Source.PAGE))
    assert outcome(due(purchase)) == (State.SKIPPED, Reason.DISMISSED)


def test_of_several_checkouts_one_is_recalled_and_the_next_after_a_week(user: User, sandbox: Sandbox) -> None:
    first, second = (due(expired(sandbox, user, package_code=code)) for code in ("starter", "standard"))
    assert outcome(first) == (State.SENT, "")
    assert outcome(second) == (State.SKIPPED, Reason.REMINDED)
    with no_triggers():
        Reminder.objects.filter(pk=first.pk).update(created_at=timezone.now() - BETWEEN_REMINDERS)
    assert outcome(due(expired(sandbox, user, package_code="standard"))) == (State.SENT, "")


def test_a_team_that_the_buyer_left_and_a_code_that_is_used_up(user: User, sandbox: Sandbox) -> None:
    owner = UserFactory()
    team = create_team(owner, "Crew")
    join(team, user)
    for_team = due(expired(sandbox, user, team_id=team.pk))
    remove_member(owner, team.pk, user.pk)
    assert outcome(for_team) == (State.SKIPPED, Reason.LEFT_TEAM)

    DiscountCode.objects.create(code="ONCE", percent=20, max_uses=1)
    with_code = expired(sandbox, user, discount_code="once")
    start(owner, discount_code="once")
    assert outcome(due(with_code)) == (State.SKIPPED, Reason.CHANGED)
    page = browser_of(user).get(f"/credits/purchases/{with_code.pk}/resume").content.decode()
    assert "Your code ONCE can’t be used any more: This code has been used up." in page
    assert "This offer has changed since your checkout, when it was 1,000 credits for $8.00." in page


def test_a_crash_while_sending_loses_the_mail_and_never_repeats_it(
    user: User, sandbox: Sandbox, settings: Any
) -> None:
    reminder = due(expired(sandbox, user))
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    with pytest.raises(ConnectionRefusedError):
        send_checkout_reminder(reminder.pk)
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert outcome(reminder) == (State.SENDING, "")
    assert mail.outbox == []


def test_the_mail_stops_all_reminders_with_one_click_and_without_signing_in(
    user: User, sandbox: Sandbox
) -> None:
    assert outcome(due(expired(sandbox, user)))[0] == State.SENT
    _resume, stop = links(str(mail.outbox[0].body))
    stranger = Client(enforce_csrf_checks=True)
    assert "Stop reminders?" in stranger.get(stop).content.decode()
    assert has_agreed(user)  # a scanner that follows links changes nothing
    for _ in range(2):
        answer = stranger.post(stop, {"List-Unsubscribe": "One-Click"})
        assert "Reminders are off" in answer.content.decode()
    consent = ReminderConsent.objects.get()
    assert (consent.withdrawn_by, consent.wording) == ("mail", reminder_wording())
    assert stranger.get(stop.replace(stop.split("/")[3], str(user.pk))).status_code == 404


def test_nothing_is_sent_without_consent_or_while_reminders_are_off(
    user: User, sandbox: Sandbox, settings: Any
) -> None:
    other = UserFactory()
    expired(sandbox, other)
    with transaction.atomic():
        agree(other)
        with no_triggers():  # agreed only after it had expired
            ReminderConsent.objects.filter(user=other).update(agreed_at=timezone.now() + timedelta(hours=2))
    assert defer_due_reminders() == 0
    purchase = expired(sandbox, user)
    settings.CHECKOUT_REMINDERS = False
    assert defer_due_reminders() == 0
    assert "Turn on reminders" not in browser_of(other).get("/credits/").content.decode()
    settings.CHECKOUT_REMINDERS = True
    reminder = due(purchase)
    settings.CHECKOUT_REMINDERS = False
    assert outcome(reminder) == (State.SKIPPED, Reason.OFF)


def test_a_copy_of_an_expired_checkout_that_somebody_made_and_paid_is_credited_once(
    user: User, sandbox: Sandbox
) -> None:
    """As Stripe's own recovery would: another session, whose payment carries our reference."""
    purchase = expired(sandbox, user)
    sandbox.pay_outright(purchase.price_minor, metadata={"purchase_id": str(purchase.pk)})
    deliver(sandbox, copies=2)
    purchase.refresh_from_db()
    assert (purchase.status, purchase.account.balance) == ("completed", purchase.credits)


def test_the_shop_asks_and_keeps_what_was_agreed_to(sandbox: Sandbox) -> None:
    buyer = UserFactory()
    client = browser_of(buyer)
    assert reminder_wording() in client.get("/credits/").content.decode()
    for _ in range(2):
        page = client.post("/credits/reminders", {"on": "1"}, follow=True).content.decode()
        assert "Turn off reminders" in page
    assert ReminderConsent.objects.get(user=buyer).wording == reminder_wording()
    client.post("/credits/reminders", {"on": ""})
    assert not has_agreed(buyer)
    agree(buyer)  # again, later: another consent
    assert ReminderConsent.objects.filter(user=buyer).count() == 2


def test_the_database_keeps_consents_and_reminders_as_they_were(user: User, sandbox: Sandbox) -> None:
    reminder = due(expired(sandbox, user))
    for sql in (
        "INSERT INTO recovery_reminderconsent (user_id, wording, withdrawn_by) "
        "SELECT user_id, wording, withdrawn_by FROM recovery_reminderconsent",
        "UPDATE recovery_reminderconsent SET withdrawn_at = now()",
        "UPDATE recovery_reminder SET state = 'sent'",
        "UPDATE recovery_reminder SET state = 'skipped'",
    ):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)
    assert Reminder.objects.get().pk == reminder.pk
