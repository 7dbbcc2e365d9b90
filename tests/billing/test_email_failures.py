"""What a mail server refuses or loses is sent again: to those who didn't get it, and to nobody twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from smtplib import SMTPRecipientsRefused
from typing import Any

import pytest
from anymail.message import AnymailRecipientStatus
from django.core.mail import EmailMessage
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.teams.models import Membership, Role
from billing.auto_top_up.models import AutoTopUp
from billing.customers.models import Consent
from billing.deferring import defer_auto_top_up_news, defer_card_expires
from billing.recovery.consents import agree
from billing.recovery.models import Reminder
from billing.recovery.reminding import defer_due_reminders
from core.emails import AddressRefused, send_email
from core.jobs.queues import MAIL
from credits.ledger import operations as ledger
from credits.notices.expiry_warnings import find_expiring_lots
from credits.notices.low_balance import find_crossings, send_low_balance_mail, set_threshold
from credits.notices.models import BalanceAlert
from tests.billing.database_faults import failing_commits
from tests.billing.worker import run_worker
from tests.credits_pages.builders import book, lot_for, past
from tests.receipts.papers import pending
from tests.support.builders import PackageFactory, UserFactory, make_saved_card
from tests.support.log_lines import Lines, log
from tests.support.mail_server import MailServer, mail_server
from tests.teams.builders import People, make_people

__all__ = ["log", "mail_server"]
State = Reminder.State


# --- Several recipients ---------------------------------------------------------------------------------------------


def low_balance(people: People) -> None:
    book(ledger.open_team_account(people.team), 10)
    set_threshold(people.owner, people.team, Decimal(50))
    find_crossings()


def expiring_credits(people: People) -> None:
    lot_for(ledger.open_team_account(people.team), 5)
    find_expiring_lots()


def top_up_limit(people: People) -> None:
    account = ledger.open_team_account(people.team)
    make_saved_card(account)
    row = AutoTopUp.objects.create(
        account=account, threshold=5, package_code="demo", currency="usd", monthly_limit_minor=9999,
        consent=Consent.objects.get(),
    )  # fmt: skip
    defer_auto_top_up_news(row.pk, "limit_reached")


def expiring_card(people: People) -> None:
    defer_card_expires(make_saved_card(ledger.open_team_account(people.team)).pk)


def run_again() -> None:
    """The jobs that failed, whose next time has come."""
    past("UPDATE procrastinate_jobs SET scheduled_at = now() WHERE status = 'todo'")
    run_worker()


def unsent() -> list[str]:
    """The jobs of emails that aren't done."""
    mails = ProcrastinateJob.objects.filter(queue_name=MAIL).exclude(status="succeeded")
    return list(mails.values_list("status", flat=True))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("tell", [low_balance, expiring_credits, top_up_limit, expiring_card])
def test_a_retry_repeats_only_what_was_not_sent(
    tell: Callable[[People], None], mail_server: MailServer
) -> None:
    people = make_people()
    told = people.owner.email, people.admin.email
    tell(people)
    mail_server.hangs_up_on = {people.admin.email}
    run_worker()
    run_again()
    assert [mail_server.count(address) for address in told] == [1, 0]
    assert unsent() == ["todo"]
    mail_server.hangs_up_on, mail_server.replies = set(), {people.admin.email: 450}
    run_again()
    mail_server.replies.clear()
    run_again()
    assert [mail_server.count(address) for address in told] == [1, 1]
    assert unsent() == []


@pytest.mark.django_db
def test_an_email_that_waited_is_sent_while_it_is_news_to_whom_it_concerns(mail_server: MailServer) -> None:
    people = make_people()
    low_balance(people)
    now = timezone.now()
    BalanceAlert.objects.update(mailed_at=now)
    alert = BalanceAlert.objects.get().pk
    assert send_low_balance_mail(alert, people.owner.pk, now)
    assert not send_low_balance_mail(alert, people.owner.pk, now - timedelta(days=2))  # a later one is told
    Membership.objects.filter(user=people.admin).update(role=Role.MEMBER)
    assert not send_low_balance_mail(alert, people.admin.pk, now)
    BalanceAlert.objects.update(below=False)  # the balance rose
    assert not send_low_balance_mail(alert, people.owner.pk, now)
    assert mail_server.taken == [people.owner.email]


# --- Refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        *[(code, SMTPRecipientsRefused) for code in (421, 450, 451, 452)],
        *[(code, AddressRefused) for code in (550, 553)],
    ],
)
def test_only_a_final_reply_refuses_an_address(
    reply: int, error: type[Exception], mail_server: MailServer
) -> None:
    mail_server.replies["ada@example.com"] = reply
    with pytest.raises(error):
        send_email(EmailMessage("Hello", "Hello", to=["ada@example.com"]))
    assert mail_server.taken == []


def test_an_address_that_an_email_provider_rejects_is_refused(settings: Any) -> None:
    settings.EMAIL_BACKEND = "anymail.backends.test.EmailBackend"
    rejected = AnymailRecipientStatus(message_id=None, status="rejected")
    message: Any = EmailMessage("Hello", "Hello", to=["ada@example.com"])
    message.anymail_test_response = {"recipient_status": {"ada@example.com": rejected}}
    with pytest.raises(AddressRefused):
        send_email(message)


# --- A reminder, at most once ---------------------------------------------------------------------------------------


@pytest.fixture
def reminder(settings: Any) -> Reminder:
    """Found due, not sent yet."""
    settings.CHECKOUT_REMINDERS = True
    buyer = UserFactory.create(email="ada@example.com")
    agree(buyer)
    package = PackageFactory.create(code="demo", credits=5000, price_minor=4500)
    purchase = pending(buyer, package_code=package.code, package_name=package.name)
    type(purchase).objects.filter(pk=purchase.pk).update(status="expired", stripe_session_id="cs_1")
    assert defer_due_reminders() == 1
    return Reminder.objects.get()


@pytest.mark.django_db(transaction=True)
def test_a_reminder_that_could_not_be_claimed_is_sent_later(
    reminder: Reminder, mail_server: MailServer
) -> None:
    with failing_commits(of=[("recovery_reminder", "UPDATE", "NEW.state = 'sending'")]):
        run_worker()
        reminder.refresh_from_db()
        assert (reminder.state, unsent(), mail_server.taken) == (State.WAITING, ["todo"], [])
        run_again()
    reminder.refresh_from_db()
    assert (reminder.state, unsent(), mail_server.taken) == (State.SENT, [], ["ada@example.com"])


@pytest.mark.django_db(transaction=True)
def test_a_reminder_whose_sending_failed_is_not_sent_again_and_said(
    reminder: Reminder, mail_server: MailServer, log: Lines
) -> None:
    mail_server.hangs_up_on = {"ada@example.com"}
    run_worker()
    assert unsent() == ["failed"]
    (line,) = log.of("reminder_not_sent")
    assert (line["reminder"], line["error"]) == (str(reminder.pk), "SMTPServerDisconnected")
    mail_server.hangs_up_on.clear()
    past("UPDATE procrastinate_jobs SET status = 'todo' WHERE queue_name = %s", [MAIL])
    run_worker()  # as if the worker had died, or staff ran the job again
    reminder.refresh_from_db()
    assert (reminder.state, unsent(), mail_server.taken) == (State.SENDING, [], [])
    assert [line["reminder"] for line in log.of("reminder_not_repeated")] == [str(reminder.pk)]
