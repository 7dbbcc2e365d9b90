"""A package bought as a gift waits in escrow, is mailed with a code on its day, and is redeemed with its cost, once."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from smtplib import SMTPRecipientsRefused
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from accounts.errors import ErasureBlocked
from accounts.limits.counters import forget_counts
from accounts.limits.rates import RateLimited
from accounts.models import User
from billing.checkout.fulfilment import grant_missing_credits
from billing.errors import InvalidRefund
from billing.gift_codes.delivery import CODES_A_DAY, defer_due_gifts, prepare, send_again, show_code
from billing.gift_codes.models import GiftOrder
from billing.gift_codes.ordering import GiftWish
from billing.mail.confirmation import send_purchase_confirmation
from billing.mail.gift_code import send_gift_code
from billing.packages.models import Package
from billing.privacy.erasure import erase_user
from billing.purchases.models import Purchase
from billing.reporting.balance import unbalanced_currencies
from credits.errors import InvalidGift
from credits.ledger.models import Account, Lot
from credits.proof.checking import find_violations
from credits.redemption.errors import CodeInvalid, NothingInEscrow
from tests.billing.calling import browser_of
from tests.billing.reporting import deliver
from tests.credits.builders import spend
from tests.figures.counting import count
from tests.receipts.papers import SOURCE
from tests.redemption.builders import balance_of, redeem_code
from tests.returns.asking import refund
from tests.returns.selling import charge_of
from tests.support.builders import UserFactory, put_on_sale, start
from tests.support.mail_server import MailServer, mail_server
from tests.support.sandbox import Sandbox

__all__ = ["mail_server"]

pytestmark = pytest.mark.django_db(transaction=True)
State = GiftOrder.State
CODE = re.compile(r"[0-9A-Z]{4}(?:-[0-9A-Z]{4}){3}")
WISH = GiftWish("grace@example.com", "Grace", "For your birthday")


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox) -> None:
    forget_counts()
    put_on_sale()
    sandbox.hold_webhooks()


@pytest.fixture
def ada() -> User:
    buyer: User = UserFactory(email="ada@example.com", first_name="Ada", last_name="Lovelace")
    return buyer


def given(sandbox: Sandbox, buyer: User, wish: GiftWish = WISH) -> GiftOrder:
    """A starter pack of 1,000 credits for $10.00, paid."""
    started = start(buyer, gift=wish)
    sandbox.pay(started.session_id)
    deliver(sandbox)
    return again(GiftOrder.objects.get(purchase=started.purchase))


def again(gift: GiftOrder) -> GiftOrder:
    return GiftOrder.objects.select_related("purchase__account", "code").get(pk=gift.pk)


def mailed(gift: GiftOrder) -> str:
    """The code in the mail that is sent now."""
    assert send_gift_code(gift.pk)
    found = CODE.search(str(mail.outbox[-1].body))
    assert found is not None
    return found[0]


def is_refused(user: User, code: str) -> bool:
    with pytest.raises(CodeInvalid):
        redeem_code(user, code)
    return True


def check_books() -> None:
    count()
    assert list(find_violations()) == []
    assert list(unbalanced_currencies()) == []


# --- Bought, mailed, redeemed ---------------------------------------------------------------------------------------


def test_a_gift_is_paid_mailed_on_its_day_and_redeemed_with_its_cost(ada: User, sandbox: Sandbox) -> None:
    in_a_week = timezone.localdate() + timedelta(days=7)
    gift = given(sandbox, ada, GiftWish("grace@example.com", "Grace", "For your birthday", in_a_week))
    assert gift.state == State.SCHEDULED
    assert (int(balance_of(ada)), gift.purchase.account.balance) == (0, 1000)
    assert {customer["email"] for customer in sandbox.objects("customer")} == {"ada@example.com"}
    check_books()  # what was paid is deferred
    assert defer_due_gifts() == 0
    GiftOrder.objects.update(send_at=timezone.now())
    assert (defer_due_gifts(), defer_due_gifts()) == (1, 0)
    code = mailed(gift)
    assert not send_gift_code(gift.pk)

    (sent,) = mail.outbox
    assert sent.to == ["grace@example.com"]
    assert sent.subject == "Ada Lovelace sent you 1,000 credits"
    for said in ("Dear Grace,", "For your birthday", f"/credits/redeem/#{code}"):
        assert said in sent.body
    grace: User = UserFactory(email="grace@example.com")
    assert redeem_code(grace, code).balance == 1000
    lot = Lot.objects.get(account__owner=grace)
    assert (lot.promotional, lot.cost_minor, lot.cost_credits) == (False, 1000, Decimal(1000))
    assert again(gift).state == State.REDEEMED
    assert is_refused(ada, code)
    spend(lot.account, 400)
    check_books()


def test_what_the_buyer_sees_and_can_do(ada: User, sandbox: Sandbox) -> None:
    gift = given(sandbox, ada)
    send_purchase_confirmation(gift.purchase_id)
    assert "Your gift of 1,000 credits is paid." in str(mail.outbox[0].body)
    client, page = browser_of(ada), f"/credits/gifts/{gift.purchase_id}"
    assert "as a gift" in client.get("/credits/history/").content.decode()
    assert browser_of(UserFactory()).get(page).status_code == 404
    first = mailed(gift)
    assert "It wasn’t redeemed yet." in client.get(page).content.decode()

    client.post(page, {"email": "other@example.com", "name": ""})
    second = mailed(gift)
    assert mail.outbox[-1].to == ["other@example.com"]
    assert is_refused(ada, first)
    shown = CODE.search(client.post(page, {"show": "1"}).content.decode())
    assert shown is not None
    assert not send_gift_code(gift.pk)  # it is the buyer's to hand over now
    assert is_refused(ada, second)
    assert "Enter the recipient’s email." in client.post(page, {"email": "nobody"}).content.decode()
    redeem_code(ada, shown[0])
    told = client.post(page, {"email": "grace@example.com"}, follow=True).content.decode()
    assert "This gift was redeemed, or its payment was refunded or disputed." in told


def test_new_codes_of_a_gift_are_limited(ada: User, sandbox: Sandbox) -> None:
    gift = given(sandbox, ada)
    for _ in range(CODES_A_DAY):
        show_code(gift)
    with pytest.raises(RateLimited):
        send_again(gift, "grace@example.com", "")


def test_the_page_asks_for_whom_and_leads_to_the_checkout(ada: User, sandbox: Sandbox) -> None:
    client = browser_of(ada)
    assert "/credits/gifts/buy?package=starter" in client.get("/credits/").content.decode()
    page = client.get("/credits/gifts/buy?package=starter&currency=usd").content.decode()
    fields = dict(re.findall(r'name="(package|order_token|price|currency|credits)" value="([^"]+)"', page))
    refused = client.post(
        "/credits/gifts/buy", {**fields, "email": "a@b.example", "message": "see evil.example"}
    )
    assert refused.status_code == 400
    assert "Leave out links" in refused.content.decode()
    assert not Purchase.objects.exists()
    sent = [client.post("/credits/gifts/buy", {**fields, "email": "a@b.example"}) for _ in range(2)]
    assert {answer.status_code for answer in sent} == {303}
    assert GiftOrder.objects.get().recipient_email == "a@b.example"


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        (GiftWish("nobody"), "email"),
        (GiftWish("a" * 250 + "@example.com"), "email"),
        (GiftWish("a@b.example", name="Visit https://evil"), "name"),
        (GiftWish("a@b.example", message="www.evil now"), "message"),
        (GiftWish("a@b.example", message="write to x@evil"), "message"),
        (GiftWish("a@b.example", message="x" * 301), "message"),
        (GiftWish("a@b.example", message="\x00"), "message"),
        (GiftWish("a@b.example", on=timezone.localdate() - timedelta(days=2)), "on"),
        (GiftWish("a@b.example", on=timezone.localdate() + timedelta(days=368)), "on"),
    ],
)
def test_a_wish_that_cant_be_mailed_is_refused_before_anything_is_written(
    wish: GiftWish, field: str, ada: User
) -> None:
    with pytest.raises(InvalidGift) as error:
        start(ada, gift=wish)
    assert error.value.params["field"] == field
    assert not Purchase.objects.exists()


def test_free_packages_teams_and_cards_make_no_gift(ada: User, settings: Any) -> None:
    Package.objects.filter(code="starter").update(price_minor=0)
    for code, more in (("starter", {}), ("standard", {"by_default_card": True})):
        with pytest.raises(InvalidGift):
            start(ada, code, gift=WISH, **more)
    settings.GIFT_DAILY_COUNT = 0
    with pytest.raises(InvalidGift):
        start(ada, "standard", gift=WISH)


def test_a_bonus_comes_along_and_all_of_it_lives_from_the_redemption(ada: User, sandbox: Sandbox) -> None:
    Package.objects.filter(code="starter").update(validity_days=30, bonus_credits=50, bonus_validity_days=7)
    gift = given(sandbox, ada)
    assert set(Lot.objects.values_list("expires_at", flat=True)) == {None}
    redeemed = redeem_code(ada, mailed(gift))
    assert redeemed.amount == 1050
    assert redeemed.expires_at is not None
    assert redeemed.expires_at > timezone.now() + timedelta(days=29)
    grant_missing_credits(gift.purchase_id, SOURCE)
    assert Lot.objects.filter(account=gift.purchase.account).count() == 2
    check_books()


# --- The money goes back --------------------------------------------------------------------------------------------


def test_a_refund_before_the_redemption_voids_the_code(ada: User, sandbox: Sandbox) -> None:
    gift = given(sandbox, ada)
    code = mailed(gift)
    refund(gift.purchase, 400)
    assert refund(gift.purchase, 600).status == "succeeded"
    assert is_refused(ada, code)
    assert again(gift).state == State.REFUNDED
    with pytest.raises(NothingInEscrow):
        send_again(gift, "grace@example.com", "")
    check_books()


def test_after_the_redemption_the_recipient_keeps_the_credits_and_nobody_owes(
    ada: User, sandbox: Sandbox, settings: Any
) -> None:
    settings.DISPUTE_POLICY = "debt"
    gift, disputed = given(sandbox, ada), given(sandbox, ada)
    for each in (gift, disputed):
        redeem_code(ada, mailed(each))
    with pytest.raises(InvalidRefund, match="can’t owe"):
        refund(gift.purchase, 500, policy="debt")
    assert refund(gift.purchase, 500).status == "succeeded"
    lost = sandbox.dispute(charge_of(sandbox, disputed.purchase))
    deliver(sandbox)
    sandbox.close_dispute(lost["id"], "lost")
    deliver(sandbox)
    assert balance_of(ada) == 2000
    assert not Account.objects.filter(debt__gt=0).exists()
    check_books()


def test_a_dispute_holds_the_code_until_it_is_won(ada: User, sandbox: Sandbox) -> None:
    gift, late = given(sandbox, ada), given(sandbox, ada)
    code = mailed(gift)
    disputes = [sandbox.dispute(charge_of(sandbox, each.purchase)) for each in (gift, late)]
    deliver(sandbox)
    assert is_refused(ada, code)
    assert again(gift).state == State.FROZEN
    assert not send_gift_code(late.pk)
    for dispute in disputes:
        sandbox.close_dispute(dispute["id"], "won")
    deliver(sandbox)
    assert redeem_code(ada, code).amount == 1000
    assert defer_due_gifts() == 1
    assert redeem_code(ada, mailed(late)).balance == 2000
    check_books()


# --- Mail and people ------------------------------------------------------------------------------------------------


def test_a_mail_server_that_fails_is_tried_again_and_an_address_it_refuses_is_said(
    ada: User, sandbox: Sandbox, settings: Any, mail_server: MailServer
) -> None:
    gift = given(sandbox, ada)
    mail_server.replies["grace@example.com"] = 450  # greylisting
    with pytest.raises(SMTPRecipientsRefused):
        send_gift_code(gift.pk)
    assert again(gift).state == State.SCHEDULED
    mail_server.replies["grace@example.com"] = 550
    assert not send_gift_code(gift.pk)
    assert again(gift).state == State.FAILED
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    send_again(again(gift), "grace@example.com", "Grace")
    assert redeem_code(ada, mailed(gift)).amount == 1000


def test_credits_just_bought_wait_as_long_as_other_gifts(ada: User, sandbox: Sandbox, settings: Any) -> None:
    settings.GIFT_AFTER = timedelta(hours=5)
    gift = given(sandbox, ada)
    assert defer_due_gifts() == 0
    Purchase.objects.update(completed_at=timezone.now() - timedelta(hours=6))
    assert defer_due_gifts() == 1
    assert again(gift).deferred_at is not None


def test_an_erasure_waits_for_the_mail_and_takes_the_recipient_with_it(ada: User, sandbox: Sandbox) -> None:
    gift = given(sandbox, ada)
    with pytest.raises(ErasureBlocked) as error:
        erase_user(ada.pk)
    assert error.value.params["obstacles"] == ["gifts_to_send"]
    code = mailed(gift)
    erase_user(ada.pk)
    gift = again(gift)
    assert (gift.recipient_email, gift.recipient_name, gift.message) == ("", "", "")
    assert redeem_code(UserFactory(), code).amount == 1000
    check_books()


def test_who_was_to_get_a_gift_and_was_erased_gets_none(ada: User, sandbox: Sandbox) -> None:
    gift, grace = given(sandbox, ada), UserFactory(email="Grace@example.com")
    erase_user(grace.pk)
    assert prepare(gift.pk) is None
    assert again(gift).recipient_email == ""
    send_again(again(gift), "other@example.com", "")
    assert redeem_code(ada, mailed(gift)).amount == 1000


def test_a_recipient_who_is_no_user_is_written_to_in_the_buyers_language(ada: User, sandbox: Sandbox) -> None:
    User.objects.filter(pk=ada.pk).update(language="de")
    gift = given(sandbox, ada, GiftWish("grace@example.com"))
    mail.outbox.clear()
    assert send_gift_code(gift.pk)
    (letter,) = mail.outbox
    assert 'lang="de"' in letter.message().as_string()
