"""Whoever's delayed payment failed is told once, with a way to try again."""

from __future__ import annotations

from typing import Any

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from billing.mail.payment_failed import send_payment_failed_mail
from billing.purchases.models import Purchase
from tests.billing.reporting import deliver
from tests.support.builders import UserFactory, put_on_sale, start
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def delayed(sandbox: Sandbox) -> Purchase:
    """By bank debit, which the bank has not paid yet."""
    put_on_sale()
    sandbox.hold_webhooks()
    started = start(UserFactory.create(email="ann@example.com"), "standard")
    sandbox.pay_later(started.session_id)
    deliver(sandbox)
    return Purchase.objects.get()


def test_the_buyer_is_told_once(sandbox: Sandbox, delayed: Purchase, mailoutbox: list[Any]) -> None:
    sandbox.fail(delayed.stripe_session_id or "")
    sandbox.release_webhooks(copies=2)
    (job,) = ProcrastinateJob.objects.filter(task_name="billing.send_payment_failed")
    assert job.args == {"purchase_id": str(delayed.pk)}
    assert [send_payment_failed_mail(delayed.pk), send_payment_failed_mail(delayed.pk)] == [True, False]

    (mail,) = mailoutbox
    assert (mail.to, mail.subject) == (["ann@example.com"], "Your payment for Standard Pack failed")
    for body in (mail.body, mail.alternatives[0][0]):
        assert "$45.00 payment for Standard Pack" in body
        assert "/credits/" in body


def test_a_payment_that_came_after_all_needs_no_mail(
    sandbox: Sandbox, delayed: Purchase, mailoutbox: list[Any]
) -> None:
    sandbox.settle(delayed.stripe_session_id or "")
    deliver(sandbox)
    assert not send_payment_failed_mail(delayed.pk)
    assert mailoutbox == []


def test_a_checkout_that_was_never_paid_is_nobodys_mail(sandbox: Sandbox) -> None:
    put_on_sale()
    started = start(UserFactory.create(), "standard")
    sandbox.expire(started.session_id)
    deliver(sandbox)
    assert not ProcrastinateJob.objects.filter(task_name="billing.send_payment_failed").exists()
