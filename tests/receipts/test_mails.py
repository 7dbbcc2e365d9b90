"""The mails about a purchase and a refund bring their papers with them, once."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives

from accounts.models import User
from billing.mail.confirmation import send_purchase_confirmation
from billing.mail.reversals import send_refund_mail
from billing.receipts.models import Receipt
from tests.billing.reporting import deliver
from tests.billing.worker import run_worker
from tests.credits.builders import claim, claw_back, spend
from tests.receipts.papers import paid, refunded, text_of
from tests.returns.asking import refund
from tests.support.builders import put_on_sale, start
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
REFUNDS_LATER = "4000000000007726"


def attached() -> list[tuple[str, str, str]]:
    """Name, type and text of every file of every mail that was sent."""
    return [
        (str(name), str(kind), text_of(content))
        for message in mail.outbox
        for name, content, kind in message.attachments
        if isinstance(content, bytes)
    ]


def parts_of(message: Any) -> tuple[str, str]:
    assert isinstance(message, EmailMultiAlternatives)
    return str(message.body), str(message.alternatives[0][0])


def test_the_confirmation_brings_the_receipt_once(buyer: User) -> None:
    purchase = paid(buyer)
    run_worker()
    assert send_purchase_confirmation(purchase.pk) is False
    (file,) = attached()
    number = Receipt.objects.get().number
    assert file[:2] == (f"{number}.pdf", "application/pdf")
    assert number in file[2]
    for part in parts_of(mail.outbox[0]):
        assert f"Your receipt {number} is attached." in part
        assert "invoice" not in part


def test_the_confirmation_of_a_free_pack_brings_and_promises_nothing(buyer: User) -> None:
    paid(buyer, price_minor=0, list_price_minor=0)
    run_worker()
    assert attached() == []
    for part in parts_of(mail.outbox[0]):
        assert "receipt" not in part
        assert "invoice" not in part


def test_the_mail_about_a_refund_brings_the_credit_note_once(buyer: User) -> None:
    made = refunded(paid(buyer))
    assert [send_refund_mail(made.pk), send_refund_mail(made.pk)] == [True, False]
    (file,) = attached()
    number = Receipt.objects.get(kind=Receipt.Kind.CREDIT_NOTE).number
    assert file[0] == f"{number}.pdf"
    assert "$15.00" in file[2]
    for part in parts_of(mail.outbox[0]):
        assert f"Credit note {number} is attached." in part


@pytest.mark.parametrize(
    ("policy", "told"),
    [("cap", "You keep your credits"), ("debt", "1,667 of the refunded credits were already spent")],
)
def test_the_mail_about_a_refund_of_spent_credits_says_what_became_of_them(
    buyer: User, policy: str, told: str
) -> None:
    purchase = paid(buyer)
    spend(purchase.account, 5000)
    made = refunded(purchase)
    claw_back(purchase.account, claim(1667, policy, id=made.pk))
    assert send_refund_mail(made.pk)
    for part in parts_of(mail.outbox[0]):
        assert told in part
        assert ("You keep your credits" in part) is (policy == "cap")
        assert "We removed" not in part


def test_a_refund_that_is_under_way_is_told_of_at_once_and_numbered_when_it_arrives(
    buyer: User, sandbox: Sandbox
) -> None:
    put_on_sale()
    sandbox.hold_webhooks()
    started = start(buyer, "standard")
    sandbox.pay(started.session_id, REFUNDS_LATER)
    deliver(sandbox)
    made = refund(started.purchase, 1500)
    run_worker()
    assert [message.subject for message in mail.outbox[1:]] == ["Your refund of $15.00"]
    assert "credit note" not in parts_of(mail.outbox[1])[0]
    assert not Receipt.objects.filter(kind=Receipt.Kind.CREDIT_NOTE).exists()

    sandbox.succeed_refund(made.stripe_refund_id)
    deliver(sandbox)
    run_worker()
    assert len(mail.outbox) == 2
    assert Receipt.objects.get(kind=Receipt.Kind.CREDIT_NOTE).refund == made
