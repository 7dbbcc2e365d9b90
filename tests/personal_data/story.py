"""Somebody who left traces wherever this site keeps any: each step by the real parts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django.test import Client, override_settings
from django.urls import reverse

from accounts.clients.models import ApiClient
from accounts.models import User
from accounts.notes.writing import write_note
from accounts.teams import invitations
from accounts.teams.membership import create_team
from accounts.teams.models import Role, Team
from billing.auto_top_up.attempts import top_up
from billing.auto_top_up.setting import Wish, turn_off, turn_on
from billing.checkout.starting import StartedPurchase
from billing.gift_codes.delivery import show_code
from billing.gift_codes.models import GiftOrder
from billing.gift_codes.ordering import GiftWish
from billing.packages.catalog_sync import sync_package
from billing.plans.models import Plan
from billing.purchases.models import Purchase
from billing.recovery.consents import agree
from billing.recovery.reminding import defer_due_reminders
from billing.referrals.referrers import referrer_of
from billing.referrals.staff import stop_referrer
from billing.referrals.visits import note_device
from billing.subscriptions.subscribing import subscribe
from billing.subscriptions.syncing import sync_subscription
from credits.adjustments.adjusting import Terms, ask
from credits.gifts import giving as gifts
from credits.ledger import operations as ledger
from credits.ledger.selectors import get_balance
from credits.notices import low_balance
from tests.accounts.browsers import Browser
from tests.billing.reporting import deliver
from tests.billing.worker import run_worker
from tests.redemption.builders import new_code, redeem_code
from tests.referrals.making import let_wait, pay, refer
from tests.returns.asking import refund
from tests.returns.selling import charge_of
from tests.support.builders import UserFactory, put_on_sale, start
from tests.support.sandbox import Sandbox
from tests.support.signing_in import sign_in

SUBJECT = "5e0b0b1e-0000-4000-8000-00000000babe"
EMAIL = "zenobia.quill@example.net"
AT_CHECKOUT = "zq.private@example.org"
FIRST, LAST, USERNAME = "Zenobia", "Quillfeather", "zenobiaq"
CARD = "4000002500003155"
# What Stripe knows the card by, as the local one makes it.
FINGERPRINT = hashlib.sha256(CARD.encode()).hexdigest()[:16]
# What nobody may find anywhere afterwards.
WORDS = [SUBJECT, EMAIL, AT_CHECKOUT, FIRST, LAST, USERNAME, FINGERPRINT]


@dataclass(frozen=True)
class Story:
    """The person, a friend who stays, the team of the friend, and the person's purchase that was refunded in part."""

    person: User
    friend: User
    team: Team
    purchase: Purchase


def tell(sandbox: Sandbox, site: str) -> Story:
    """All that somebody can do here; at its end nothing is under way and nothing is left to spend."""
    put_on_sale("demo")
    sandbox.hold_webhooks()
    person = sign_in_at_provider(sandbox, site)
    friend = UserFactory.create(username="friend", email="friend@example.com")
    purchase = buy(sandbox, person)
    buy(sandbox, friend)
    decline_and_expire(sandbox, person)
    dispute_and_win(sandbox, buy(sandbox, person, "starter"))
    take_plan(sandbox, person)
    give(person, friend, "A present from Zenobia")
    give(friend, person, "Dear Zenobia, thank you")
    redeem_code(person, new_code())
    swap_gift_codes(sandbox, person, friend)
    team = work_in_teams(person, friend)
    refund(purchase, 450, note="Zenobia Quillfeather wrote to us")
    deliver(sandbox)
    top_up_automatically(sandbox, person)
    leave_notices(person, friend)
    refer_somebody(person)
    spend_all(person)
    run_worker()
    staff_look_after(person)
    return Story(User.objects.get(pk=person.pk), friend, team, Purchase.objects.get(pk=purchase.pk))


def sign_in_at_provider(sandbox: Sandbox, site: str) -> User:
    """By the provider's page, so that a session with the provider's id token is there."""
    changes = {"sub": SUBJECT, "email": EMAIL, "given_name": FIRST, "family_name": LAST}
    sandbox.post("/_sandbox/openid/users", {"username": "buyer", **changes})
    browser = Browser(site)
    browser.sign_in("buyer")
    browser.http.close()
    person = User.objects.get(oidc_sub=SUBJECT)
    person.username = USERNAME  # the sandbox's own names are words of every day
    person.save()
    return person


def buy(sandbox: Sandbox, buyer: User, package: str = "standard") -> Purchase:
    started = start(buyer, package, idempotency_key=f"{package} for {buyer.email}")
    who: dict[str, Any] = {}
    if buyer.oidc_sub == SUBJECT:
        who = {"name": f"{FIRST} {LAST}", "card": CARD, "save": True}
        give_other_address(sandbox, started)
    sandbox.pay(started.session_id, **who)
    deliver(sandbox)
    return Purchase.objects.get(pk=started.purchase.pk)


def give_other_address(sandbox: Sandbox, started: StartedPurchase) -> None:
    """Changes the address on Stripe's own page, where nobody asks us."""
    session = next(each for each in sandbox.objects("checkout.session") if each["id"] == started.session_id)
    sandbox.change_object("customer", session["customer"], {"email": AT_CHECKOUT}, tell=["customer.updated"])


def top_up_automatically(sandbox: Sandbox, person: User) -> None:
    """By the saved card, once; then turned off."""
    account = ledger.open_account(person)
    threshold = account.balance + 1
    wish = Wish(threshold, Decimal(10), package_code="starter", consents=True)
    top_up(turn_on(person, account, wish).pk)
    turn_off(person, account)
    deliver(sandbox)


def decline_and_expire(sandbox: Sandbox, buyer: User) -> None:
    """Having agreed to be reminded."""
    agree(buyer)
    started = start(buyer, "starter")
    sandbox.pay(started.session_id, "4000000000009995", email=AT_CHECKOUT, name=f"{FIRST} {LAST}")
    sandbox.expire(started.session_id)
    deliver(sandbox)
    with override_settings(CHECKOUT_REMINDERS=True):
        defer_due_reminders()


def dispute_and_win(sandbox: Sandbox, purchase: Purchase) -> None:
    dispute = sandbox.dispute(charge_of(sandbox, purchase))
    deliver(sandbox)
    sandbox.close_dispute(dispute["id"], "won")
    deliver(sandbox)


def swap_gift_codes(sandbox: Sandbox, person: User, friend: User) -> None:
    """Each buys a package for the other, by name, and redeems what they got."""
    for giver, receiver in ((person, friend), (friend, person)):
        wish = GiftWish(receiver.email, receiver.first_name, f"For {receiver.first_name or 'a friend'}")
        started = start(giver, "starter", gift=wish)
        sandbox.pay(started.session_id, **({"card": CARD} if giver == person else {}))
        deliver(sandbox)
        redeem_code(receiver, show_code(GiftOrder.objects.get(purchase=started.purchase)))


def take_plan(sandbox: Sandbox, person: User) -> None:
    Plan.objects.filter(code="plus").update(interval="year")  # its credits come month by month
    sync_package(Plan.objects.get(code="plus"))
    started = subscribe(person, ledger.open_account(person), "plus")
    sandbox.pay(started.session_id, CARD)
    sync_subscription(started.subscription.pk)


def give(sender: User, recipient: User, message: str) -> None:
    gifts.give(sender, recipient, Decimal(10), message, key=f"gift of {sender.pk}")


def work_in_teams(person: User, friend: User) -> Team:
    """In the friend's team by an invitation, invited to another, inviting others to one of their own."""
    team = create_team(friend, "Crew")
    invitation = invitations.invite(friend, team.pk, EMAIL, Role.MEMBER)
    invitations.accept(person, invitations.token_of(invitation.pk))
    invitations.invite(friend, create_team(friend, "Second crew").pk, EMAIL.upper(), Role.ADMIN)
    own = create_team(person, "Zenobia’s team")
    invitations.invite(person, own.pk, "somebody.else@example.com", Role.MEMBER)
    return team


def leave_notices(person: User, friend: User) -> None:
    low_balance.set_threshold(person, None, Decimal(50))
    account = ledger.open_account(person)
    held = ledger.hold(account.pk, Decimal(3), key="a job", expires_in=timedelta(hours=1))
    ledger.capture(held.account_id, held.id, Decimal(2), key="a job, done")
    staff = UserFactory.create(username="clara", is_staff=True)
    ask(account.pk, Terms(Decimal(5), "A job that failed", "ticket 1"), staff)


def refer_somebody(person: User) -> None:
    """Rewarded for one, and stopped by staff, who note a name."""
    with override_settings(REFERRAL_REWARD=Decimal(5)):
        pay(refer(person))
        let_wait()
    note_device(person, "a" * 43)
    stop_referrer(referrer_of(person).pk, "Zenobia Quillfeather refers herself")


def spend_all(person: User) -> None:
    ledger.spend(ledger.open_account(person).pk, get_balance(person, None).available, key="the last job")


def staff_look_after(person: User) -> None:
    """The person's page is edited, and a note names them."""
    staff = UserFactory.create(username="stella", is_staff=True, is_superuser=True)
    client = sign_in(staff)
    edit(client, person)
    account = ledger.open_account(person)
    adjust = reverse("admin:credits_account_adjust", args=[account.pk])
    asked = {"key": "ticket 2", "what": "take", "amount": "1000", "reason": "For Zenobia Quillfeather"}
    assert client.post(adjust, asked).status_code in (200, 302)  # refused: there is nothing to take
    write_note(person, staff, "Zenobia Quillfeather called", uuid4())
    for membership in person.memberships.select_related("team"):
        write_note(membership.team, staff, "Zenobia Quillfeather called", uuid4())
    register_client_of(person)


def edit(client: Client, person: User) -> None:
    page = reverse("admin:accounts_user_change", args=[person.pk])
    answer: Any = client.post(page, {"is_active": "on", "time_zone": "Europe/Berlin"})
    assert answer.status_code == 302, answer.content.decode()[:3000]


def register_client_of(person: User) -> ApiClient:
    return ApiClient.objects.create(name="Renderer", created_by=person, scopes=["read"])
