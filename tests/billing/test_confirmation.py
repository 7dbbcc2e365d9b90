"""Who bought gets one mail with the receipt; who didn't gets none."""

from __future__ import annotations

import threading
from functools import partial
from typing import Any

import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend
from django.db import OperationalError, connection, transaction

from accounts.models import User
from billing.mail.confirmation import send_purchase_confirmation
from billing.packages.models import Package
from billing.purchases.models import Purchase
from billing.receipts.models import Receipt
from billing.tasks import send_confirmation
from tests.billing.worker import jobs, run_worker
from tests.discounts.making import make_sale
from tests.returns.asking import refund_in_dashboard
from tests.support.builders import PackageFactory, UserFactory, put_on_sale, start
from tests.support.racing import at_once
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

CONFIRMATION = "billing.send_confirmation"


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox) -> None:
    put_on_sale()
    sandbox.hold_webhooks()


@pytest.fixture
def user() -> User:
    user: User = UserFactory.create(username="ada", email="ada@example.com")
    return user


def buy(sandbox: Sandbox, user: User, code: str = "standard") -> Purchase:
    """Paid and credited by the webhook."""
    started = start(user, code)
    sandbox.pay(started.session_id)
    sandbox.release_webhooks(types=["checkout.session.completed"])
    return Purchase.objects.get(pk=started.purchase.pk)


def sent() -> list[EmailMultiAlternatives]:
    return [message for message in mail.outbox if isinstance(message, EmailMultiAlternatives)]


def html_of(message: EmailMultiAlternatives) -> str:
    ((content, kind),) = message.alternatives
    assert kind == "text/html"
    return str(content)


def test_the_worker_mails_the_buyer_once_for_each_purchase(sandbox: Sandbox, user: User) -> None:
    purchases = [buy(sandbox, user), buy(sandbox, user, "starter")]
    assert sent() == []  # nobody waits for a mail server
    run_worker()
    assert [message.to for message in sent()] == [["ada@example.com"]] * 2
    assert sorted(message.subject for message in sent()) == [
        "Credits added: Standard Pack",
        "Credits added: Starter Pack",
    ]
    assert jobs(task_name=CONFIRMATION) == {(CONFIRMATION, "succeeded"): 2}
    for purchase in purchases:
        purchase.refresh_from_db()
        assert purchase.confirmation_sent_at is not None
    run_worker()
    assert len(sent()) == 2


def test_the_mail_is_a_receipt_in_text_and_html(sandbox: Sandbox, user: User, settings: Any) -> None:
    buy(sandbox, user, "starter")
    make_sale(20)
    purchase = buy(sandbox, user)
    mail.outbox.clear()
    assert send_purchase_confirmation(purchase.pk)

    (message,) = sent()
    assert message.from_email == settings.DEFAULT_FROM_EMAIL
    assert purchase.completed_at is not None
    for content in (str(message.body), html_of(message)):
        for fact in [
            "Standard Pack",
            "5,000",  # the credits
            "$36.00",  # what was paid
            "$9.00",  # what the sale took off
            "6,000",  # the balance, with the starter's 1,000
            str(purchase.stripe_payment_intent_id),
            str(purchase.pk),
            purchase.completed_at.strftime("%-d %b %Y, %H:%M UTC"),
            f"{settings.SITE_URL}/credits/history/",
            settings.SITE_NAME,
        ]:
            assert fact in content, fact
    assert "<" not in str(message.body)


def test_without_a_sale_and_a_code_the_mail_tells_of_no_discount(sandbox: Sandbox, user: User) -> None:
    send_purchase_confirmation(buy(sandbox, user).pk)  # cheaper per credit than the starter
    (message,) = sent()
    assert "Discount" not in str(message.body) + html_of(message)


def test_the_name_of_a_package_is_text_and_never_markup(sandbox: Sandbox, user: User) -> None:
    PackageFactory.create(code="odd", name='Tom & "Jerry" <b>')
    send_purchase_confirmation(buy(sandbox, user, "odd").pk)
    (message,) = sent()
    assert message.subject == 'Credits added: Tom & "Jerry" <b>'
    assert 'Tom & "Jerry" <b>' in str(message.body)
    assert "<b>" not in html_of(message)
    assert "Tom &amp; &quot;Jerry&quot; &lt;b&gt;" in html_of(message)


def test_a_package_whose_name_has_a_line_break_cannot_write_headers(sandbox: Sandbox, user: User) -> None:
    PackageFactory.create(code="odd", name="Odd")
    purchase = buy(sandbox, user, "odd")
    Purchase.objects.update(package_name="Odd\nBcc: everyone@example.com")
    send_purchase_confirmation(purchase.pk)
    (message,) = sent()
    assert message.subject == "Credits added: Odd Bcc: everyone@example.com"
    assert message.recipients() == ["ada@example.com"]


@pytest.mark.parametrize("currency", [("jpy", 4500, "¥4,500"), ("kwd", 4500, "4.500 KWD")])
def test_the_amount_is_written_as_its_currency_is(
    sandbox: Sandbox, user: User, currency: tuple[str, int, str]
) -> None:
    code, minor, shown = currency
    PackageFactory.create(code="abroad", currency=code, price_minor=minor)
    send_purchase_confirmation(buy(sandbox, user, "abroad").pk)
    (message,) = sent()
    assert shown in str(message.body)
    assert shown in html_of(message)


def test_the_receipt_says_what_was_bought_then_and_not_what_is_on_sale_now(
    sandbox: Sandbox, user: User
) -> None:
    purchase = buy(sandbox, user)
    Package.objects.all().update(name="Renamed", credits=1, price_minor=1)
    send_purchase_confirmation(purchase.pk)
    assert "Renamed" not in str(sent()[0].body)
    assert "$45.00" in str(sent()[0].body)


def test_a_free_pack_has_no_payment_to_name(user: User) -> None:
    PackageFactory.create(code="free", price_minor=0)
    send_purchase_confirmation(start(user, "free").purchase.pk)
    for part in (str(sent()[0].body), html_of(sent()[0])):
        assert "Free" in part
        assert "Payment" not in part
        assert "None" not in part


# --- What happened before it is sent --------------------------------------------------------------------------------


def test_a_payment_that_was_disputed_at_once_is_told_of_as_that(sandbox: Sandbox, user: User) -> None:
    started = start(user, "standard")
    sandbox.pay(started.session_id, "4000000000000259")
    sandbox.release_webhooks()
    assert send_purchase_confirmation(started.purchase.pk)
    (message,) = sent()
    assert message.subject == "About your purchase of Standard Pack"
    for text in (str(message.body), html_of(message)):
        assert "Your bank reversed this payment" in text
        assert "credits were added to your account" not in text
    assert "credits have been added" not in html_of(message)
    assert "New balance: 0" in str(message.body)
    assert [name for name, _content, _kind in message.attachments] == [f"{Receipt.objects.get().number}.pdf"]


@pytest.mark.parametrize(("amount", "shown"), [(4500, "$45.00"), (1500, "$15.00")])
def test_a_payment_that_was_refunded_at_once_is_told_of_as_that(
    sandbox: Sandbox, user: User, amount: int, shown: str
) -> None:
    purchase = buy(sandbox, user)
    refund_in_dashboard(purchase, amount)
    sandbox.release_webhooks()
    assert send_purchase_confirmation(purchase.pk)
    (message,) = sent()
    assert message.subject == "About your purchase of Standard Pack"
    for text in (str(message.body), html_of(message)):
        assert f"We’ve since refunded {shown} of this payment." in text
        assert "credits were added to your account" not in text
    assert "credits have been added" not in html_of(message)


# --- None for who didn't buy ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["decline", "expire", "pay_later", "fail"])
def test_a_purchase_that_was_not_paid_sends_no_mail(sandbox: Sandbox, user: User, end: str) -> None:
    started = start(user, "standard")
    if end == "decline":
        sandbox.pay(started.session_id, "4000000000000002")
    elif end == "expire":
        sandbox.expire(started.session_id)
    else:
        sandbox.pay_later(started.session_id)
        if end == "fail":
            sandbox.fail(started.session_id)
    sandbox.release_webhooks()
    assert jobs(task_name=CONFIRMATION) == {}
    assert send_purchase_confirmation(started.purchase.pk) is False
    assert sent() == []


def test_a_payment_that_was_held_back_sends_no_mail(sandbox: Sandbox, user: User) -> None:
    started = start(user, "standard")
    Purchase.objects.update(price_minor=1)
    sandbox.pay(started.session_id)
    sandbox.release_webhooks()
    run_worker()
    assert sent() == []


def test_a_buyer_without_an_address_gets_no_mail_and_the_job_is_done(sandbox: Sandbox, user: User) -> None:
    User.objects.update(email="")
    buy(sandbox, user)
    run_worker()
    assert sent() == []
    assert jobs(task_name=CONFIRMATION) == {(CONFIRMATION, "succeeded"): 1}


def test_a_buyer_who_was_erased_meanwhile_gets_no_mail(sandbox: Sandbox, user: User) -> None:
    buy(sandbox, user)
    user.delete()
    run_worker()
    assert sent() == []
    assert jobs(task_name=CONFIRMATION) == {(CONFIRMATION, "succeeded"): 1}


# --- Once ----------------------------------------------------------------------------------------------------------


def test_however_often_it_is_run_the_mail_is_sent_once(sandbox: Sandbox, user: User) -> None:
    purchase = buy(sandbox, user)
    assert [send_purchase_confirmation(purchase.pk) for _ in range(3)] == [True, False, False]
    assert len(sent()) == 1


def test_eight_at_once_send_one_mail(sandbox: Sandbox, user: User) -> None:
    purchase = buy(sandbox, user)
    results = at_once(*[partial(send_purchase_confirmation, purchase.pk)] * 8)
    assert sorted(results) == [False] * 7 + [True]
    assert len(sent()) == 1


def test_two_jobs_for_one_purchase_in_a_worker_of_two_threads_send_one_mail(
    sandbox: Sandbox, user: User
) -> None:
    purchase = buy(sandbox, user)
    send_confirmation.defer(purchase_id=str(purchase.pk))
    run_worker(concurrency=2)
    assert jobs(task_name=CONFIRMATION) == {(CONFIRMATION, "succeeded"): 2}
    assert len(sent()) == 1


def test_a_payment_reported_by_everybody_sends_one_mail(sandbox: Sandbox, user: User) -> None:
    started = start(user, "standard")
    sandbox.pay(started.session_id)
    sandbox.release_webhooks(order="shuffle", seed=1, copies=3, concurrency=6)
    sandbox.release_webhooks(replay=True)
    assert jobs(task_name=CONFIRMATION) == {(CONFIRMATION, "todo"): 1}
    run_worker()
    assert len(sent()) == 1


def test_a_mail_server_that_is_down_gets_the_mail_later(sandbox: Sandbox, user: User, settings: Any) -> None:
    purchase = buy(sandbox, user)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    run_worker()
    assert jobs(task_name=CONFIRMATION) == {(CONFIRMATION, "todo"): 1}  # put off, not given up
    purchase.refresh_from_db()
    assert (purchase.status, purchase.confirmation_sent_at) == ("completed", None)

    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    send_purchase_confirmation(purchase.pk)
    assert len(sent()) == 1


class RowProbe(BaseEmailBackend):
    """A mail server during whose conversation somebody else wants the purchase's row."""

    got_the_row: list[bool] = []

    def send_messages(self, email_messages: Any) -> int:
        def take_the_row() -> None:
            try:
                with transaction.atomic():
                    Purchase.objects.select_for_update(nowait=True).get()
            except OperationalError:
                self.got_the_row.append(False)
            else:
                self.got_the_row.append(True)
            finally:
                connection.close()

        thread = threading.Thread(target=take_the_row)
        thread.start()
        thread.join()
        return len(email_messages)


def test_a_slow_mail_server_holds_up_no_webhook_of_the_purchase(
    sandbox: Sandbox, user: User, settings: Any
) -> None:
    purchase = buy(sandbox, user)
    settings.EMAIL_BACKEND = f"{__name__}.RowProbe"
    RowProbe.got_the_row.clear()
    assert send_purchase_confirmation(purchase.pk)
    assert RowProbe.got_the_row == [True]
