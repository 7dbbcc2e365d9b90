"""Whoever claims somebody's address at the provider, unverified, gets nothing that is meant for its owner."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.core import mail

from accounts.email_addresses import holders_of
from accounts.models import User
from accounts.people import Identity, recognise_person
from accounts.teams.invitations import invite
from accounts.teams.membership import create_team
from accounts.teams.models import Role
from billing.mail.confirmation import send_purchase_confirmation
from billing.purchases.models import Purchase
from credits.errors import UnknownRecipient
from credits.gifts import giving as gifts
from tests.support.builders import UserFactory, put_on_sale, start
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
ADDRESS = "ada@example.com"


def signed_in(sub: str, *, verified: bool) -> User:
    claims = {"sub": sub, "iat": 1_800_000_000, "email": ADDRESS, "email_verified": verified}
    return recognise_person(Identity.from_claims(claims), signing_in=True)


@pytest.fixture
def claimant() -> User:
    return signed_in("claimant", verified=False)


def test_no_gift_and_no_grant_finds_them(claimant: User) -> None:
    sender = UserFactory.create()
    with pytest.raises(UnknownRecipient):
        gifts.plan_gift(sender, ADDRESS, Decimal(1), "")
    assert holders_of([ADDRESS]) == {}

    ada = signed_in("ada", verified=True)  # the address is free for its owner
    assert gifts.find_recipient(sender, ADDRESS) == ada
    assert holders_of([ADDRESS])[ADDRESS].one == ada.pk


def test_they_keep_nobody_from_being_invited(claimant: User) -> None:
    team = create_team(claimant, "Acme")
    assert invite(claimant, team.pk, ADDRESS, Role.MEMBER).email == ADDRESS


def test_stripe_and_mails_know_no_address_of_theirs(claimant: User, sandbox: Sandbox) -> None:
    put_on_sale()
    started = start(claimant)
    sandbox.pay(started.session_id, email="typed@example.com")
    sandbox.wait_for_webhooks()

    assert sandbox.objects("customer")[0]["email"] in ("", "typed@example.com", None)
    assert Purchase.objects.get().status == "completed"
    assert send_purchase_confirmation(started.purchase.pk) is False
    assert mail.outbox == []
