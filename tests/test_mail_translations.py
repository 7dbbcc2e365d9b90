"""Every word of every mail, and of the papers that go with it, comes out of the translations.

Each mail is sent for real in the pseudo-language.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.test.signals import template_rendered
from django.utils import timezone
from pypdf import PdfReader

from accounts.models import User
from accounts.teams import invitations
from accounts.teams.caps import Cap
from accounts.teams.invitation_mail import send_invitation_mail
from accounts.teams.membership import create_team
from accounts.teams.models import Invitation, Period, Role, Team
from billing.auto_top_up.models import Attempt, AutoTopUp
from billing.checkout.fulfilment import fulfil_purchase
from billing.customers.models import Consent
from billing.gift_codes.models import GiftOrder
from billing.mail.auto_top_up import announce_auto_top_up
from billing.mail.card_expires import announce_card_expires
from billing.mail.checkout_reminder import send_checkout_reminder
from billing.mail.confirmation import send_purchase_confirmation
from billing.mail.gift_code import send_gift_code
from billing.mail.payment_failed import send_payment_failed_mail
from billing.mail.referral_rewarded import send_referral_mail
from billing.mail.renewal_failed import send_renewal_failed_mail
from billing.mail.reversals import send_refund_mail, tell_staff_of_dispute
from billing.purchases.models import Purchase
from billing.recovery.consents import agree
from billing.recovery.models import Reminder
from billing.referrals.models import Referral, Reward
from billing.referrals.referrers import referrer_of
from billing.refunds.models import Dispute, Refund
from billing.subscriptions.models import Subscription, SubscriptionInvoice, Terms
from credits.gifts import giving as gifts
from credits.gifts.mail import send_gift_mail
from credits.ledger import operations as ledger
from credits.notices.expiry_warnings import announce_expiry, find_expiring_lots
from credits.notices.low_balance import announce_low_balance, find_crossings, set_threshold
from credits.notices.models import BalanceAlert
from tests.admin.rows import make_dispute, make_payment, make_refund
from tests.billing.worker import send_to_recipients
from tests.credits.builders import claim, claw_back, clawback_of, hold, spend
from tests.credits_pages.builders import book, lot_for
from tests.receipts.papers import SOURCE, paid, pending, refunded
from tests.support.builders import PackageFactory, UserFactory, make_saved_card, paid_report
from tests.support.pseudo_language import PSEUDO, offer_pseudo_language, untranslated
from tests.support.visible_text import VisibleText

pytestmark = pytest.mark.django_db(transaction=True)
# The zone, the card's brand, and the credits' and the receipt's own numbers.
DATA = frozenset({"USD", "Visa"})


@pytest.fixture(autouse=True)
def _pseudo_language(settings: Any) -> None:
    """The readers' language, and not the site's: what is put into words too early is found as well."""
    offer_pseudo_language(settings)
    settings.SITE_NAME = settings.SELLER_NAME = "33"
    settings.STAFF_EMAIL = numbered(8).email


def shown(message: Any) -> Iterator[str]:
    """What its reader sees: subject, text, HTML, and the PDF."""
    assert isinstance(message, EmailMultiAlternatives)
    yield str(message.subject)
    yield str(message.body)
    html = str(message.alternatives[0][0])
    assert f'<html lang="{PSEUDO}" dir="ltr">' in html
    reader = VisibleText()
    reader.feed(html)
    reader.close()
    yield " ".join(reader.found)
    for _name, content, _kind in message.attachments:
        for page in PdfReader(io.BytesIO(bytes(content))).pages:
            yield page.extract_text()


# --- One of each, and of each of its variants -----------------------------------------------------------------------


@pytest.fixture
def person() -> User:
    return numbered(1)


@pytest.fixture
def team(person: User) -> Team:
    return create_team(person, "77")


def numbered(number: int) -> User:
    user: User = UserFactory.create(username=f"{number}", email=f"{number}@{number}.77", language=PSEUDO)
    return user


def send_confirmations(person: User, team: Team) -> None:
    for purchase in (
        paid(person, package_name="55"),
        paid(person, team, package_name="55", list_price_minor=4500, discount_percentage=0),
        paid(person, package_name="55", invoiced_by_stripe=True),
        paid(person, package_name="55", price_minor=0, list_price_minor=0),
        moved(paid(person, package_name="55"), "disputed"),
        moved(paid(person, package_name="55"), "partially_refunded", 100),
    ):
        assert send_purchase_confirmation(purchase.pk)


def moved(purchase: Purchase, status: str, refunded_minor: int = 0) -> Purchase:
    """Something happened to it before its mail was sent; the books are left alone."""
    Purchase.objects.filter(pk=purchase.pk).update(status=status, refunded_minor=refunded_minor)
    return purchase


def send_refunds(person: User, team: Team) -> None:
    """Of credits that are there, that a hold keeps, and that are spent; of none; on the way; of no accepted payment."""
    purchase = paid(person, package_name="55")
    spend(purchase.account, 4980)
    hold(purchase.account, 10)
    first = refunded(purchase, 100)
    claimed = claim(30, "debt", id=first.pk)
    claw_back(purchase.account, claimed)
    assert clawback_of(claimed) == tuple(map(Decimal, (10, 10, 10, 0)))
    second = make_payment(purchase, attention=Purchase.Attention.PAID_TWICE)
    for refund in (
        first,
        refunded(purchase, 200),
        refunded(purchase, 300, status=Refund.Status.PENDING),
        make_refund(purchase, payment=second, status="succeeded", stripe_refund_id="re_2"),
        refunded(paid(person, team, package_name="55")),
    ):
        assert send_refund_mail(refund.pk)


def send_failures(person: User, team: Team) -> None:
    for of in (None, team):
        purchase = pending(person, of, package_name="55")
        assert send_payment_failed_mail(moved(purchase, "failed").pk)


def send_renewal_failures(person: User, team: Team) -> None:
    for number, account in enumerate((ledger.open_account(person), ledger.open_team_account(team))):
        price = {"stripe_price_id": "5", "price_minor": 500, "currency": "usd"}
        row = Subscription.objects.create(account=account, status="past_due", stripe_price_id="5")
        Terms.objects.create(subscription=row, plan_code="5", plan_name="55", credits=5, **price)
        invoice = SubscriptionInvoice.objects.create(
            subscription=row,
            stripe_invoice_id=f"{number}",
            status="open",
            amount_minor=500,
            currency="usd",
            hosted_url="https://example.com/5",
            issued_at=timezone.now(),
        )
        assert send_renewal_failed_mail(invoice.pk)


def tell_of_disputes(person: User) -> None:
    purchase = paid(person, package_name="55")
    for number, status in enumerate(Dispute.Status):
        due_by = timezone.now() if number % 3 else None
        dispute = make_dispute(purchase, due_by=due_by, status=status, reason="")
        assert tell_staff_of_dispute(dispute.pk)


def send_gifts(person: User) -> None:
    book(ledger.open_account(person), 1000)
    for number, message in enumerate(("", "66")):
        gift = gifts.give(person, numbered(20 + number), Decimal(1), message, f"{number}")
        assert send_gift_mail(gift.pk, "recipient")
        assert send_gift_mail(gift.pk, "sender")


def send_expiry_warnings(person: User, team: Team) -> None:
    for account in (ledger.open_account(person), ledger.open_team_account(team)):
        lot_for(account, 5)
        find_expiring_lots()
        assert announce_expiry(account.pk)


def send_low_balances(person: User, team: Team) -> None:
    for of in (None, team):
        set_threshold(person, of, Decimal(10_000_000))
    find_crossings()
    for alert in BalanceAlert.objects.all():
        assert announce_low_balance(alert.pk)


def send_auto_top_ups(person: User, team: Team) -> None:
    """About each thing that happens to it, for a person and a team, while it is on and off."""
    for of in (None, team):
        purchase = paid(person, of, package_name="55")
        card = make_saved_card(purchase.account)
        consent = Consent.objects.get(customer=card.customer)
        Purchase.objects.filter(pk=purchase.pk).update(charged_method=card, consent=consent)
        row = AutoTopUp.objects.create(
            account=purchase.account, threshold=5, package_code="55", currency="usd", monthly_limit_minor=9999,
            consent=consent,
        )  # fmt: skip
        Attempt.objects.create(
            purchase=purchase, auto_top_up=row, amount_minor=1, month=timezone.localdate(), outcome="failed",
            ended_at=timezone.now(),
        )  # fmt: skip
        for what in (*AutoTopUp.Reason.values, "declined", "limit_reached"):
            for state in ("off", "suspended"):
                AutoTopUp.objects.filter(pk=row.pk).update(state=state)
                announce_auto_top_up(row.pk, what)
                send_to_recipients()
        announce_card_expires(card.pk)


def send_rewards(person: User) -> None:
    referral = Referral.objects.create(
        referrer=referrer_of(person), referred=numbered(40), due_at=timezone.now(), rewarded_at=timezone.now(),
        state=Referral.State.REWARDED, purchase=paid(numbered(41)),
    )  # fmt: skip
    for user in (person, referral.referred):
        account = ledger.open_account(user)
        lot = lot_for(account, 5)
        reward = Reward.objects.create(referral=referral, account=account, lot_id=lot, amount=Decimal(10))
        assert send_referral_mail(reward.pk)


def send_reminders(settings: Any) -> None:
    settings.CHECKOUT_REMINDERS = True
    package = PackageFactory(code="55", name="55", credits=5000, price_minor=4500)
    for number, is_for_team in ((42, False), (43, True)):
        buyer = numbered(number)
        agree(buyer)
        team = create_team(buyer, "77") if is_for_team else None
        purchase = pending(buyer, team, package_code=package.code, package_name=package.name)
        assert send_checkout_reminder(Reminder.objects.create(purchase=moved(purchase, "expired")).pk)


def send_gift_codes() -> None:
    for number, words in ((44, ""), (45, "66")):
        purchase = pending(numbered(number), package_name="55", account=ledger.open_escrow())
        gift = GiftOrder.objects.create(
            purchase=purchase, recipient_email="9@9.77" if words else numbered(46).email, recipient_name=words,
            message=words,
            send_at=timezone.now(),
        )  # fmt: skip
        fulfil_purchase(purchase.pk, paid_report(purchase), SOURCE)
        assert send_purchase_confirmation(purchase.pk)
        if not words:
            Purchase.objects.filter(pk=purchase.pk).update(user=None)
        assert send_gift_code(gift.pk)


def send_invitations(person: User, team: Team) -> None:
    caps = [None, *(Cap(Decimal(5), period) for period in Period)]
    for number, cap in enumerate(caps):
        role = Role.MEMBER if cap else Role.ADMIN
        invited = UserFactory.create(email=f"{number}@9.example.com", language=PSEUDO)
        invitation = invitations.invite(person, team.pk, invited.email, role, cap)
        if number == 1:
            Invitation.objects.filter(pk=invitation.pk).update(invited_by=None)
        assert send_invitation_mail(invitation.pk)


def test_every_word_of_every_mail_can_be_translated(person: User, team: Team, settings: Any) -> None:
    rendered: set[str] = set()

    def note(template: Any, **signal: Any) -> None:
        rendered.add(template.name)

    template_rendered.connect(note)
    send_confirmations(person, team)
    send_refunds(numbered(3), team)
    send_failures(person, team)
    send_renewal_failures(person, team)
    tell_of_disputes(person)
    send_gifts(person)
    send_expiry_warnings(person, team)
    send_low_balances(person, team)
    send_invitations(person, team)
    send_auto_top_ups(person, team)
    send_rewards(person)
    send_reminders(settings)
    send_gift_codes()
    send_to_recipients()
    template_rendered.disconnect(note)

    there_are = {f"emails/{path.name}" for path in Path("templates/emails").iterdir()}
    assert rendered >= there_are, "a mail that nobody sent here"
    for message in mail.outbox:
        for text in shown(message):
            assert untranslated(text, DATA) == [], text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[Ĥéļļö~~] 55", []),
        ("[Ĥéļļö~~] there", ["there"]),
        ("[ûñţîļ 28 [Ñöṽ~~] 2026, UTC.~~] https://example.com/x", []),
        ("[Šţåţûš: Lost~~]", ["Lost"]),
    ],
)
def test_the_checker_sees_a_word_that_is_not_translated(text: str, found: list[str]) -> None:
    assert untranslated(text) == found
