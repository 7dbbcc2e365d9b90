"""The Refund button, and the lists of refunds and disputes, as staff use them."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import User
from billing.errors import NotRefundable
from billing.purchases.models import Purchase
from billing.refunds.models import Dispute, Refund
from tests.admin.pages import button_of, history_of, list_of, messages_after, page_of, read
from tests.billing.reporting import deliver
from tests.returns.asking import press, refund, refund_in_dashboard
from tests.returns.selling import balance, buy, charge_of, fresh, spend
from tests.support.builders import PackageFactory, UserFactory
from tests.support.sandbox import Sandbox
from tests.support.signing_in import sign_in

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_dialog_shows_where_the_purchase_stands_and_what_would_happen(
    as_superuser: Client, purchase: Purchase
) -> None:
    spend(purchase, 3000)
    refund(purchase, 450)
    dialog = re.sub(r"\s+", " ", read(as_superuser, button_of(purchase, "refund")))

    assert "Paid: $45.00. Refunded so far: $4.50. Refundable: $40.50." in dialog
    assert "1,500 of 5,000 credits are unspent." in dialog
    assert 'name="amount" value="13.50"' in dialog, "the unspent share"
    assert "3,000: write off, bill, or block" in dialog, "what a whole refund would meet"
    assert Refund.objects.count() == 1, "looking refunds nothing"


def test_pressing_it_refunds_and_is_remembered(
    as_superuser: Client, superuser: User, purchase: Purchase
) -> None:
    answer = press(as_superuser, purchase, amount="9", reason="duplicate")

    assert (answer.status_code, answer.url) == (302, page_of(purchase))
    assert messages_after(answer) == ["$9.00 refunded, 1,000 credits removed."]
    assert history_of(purchase) == [("stella", "Refunded $9.00: Asked by mail")]
    made = Refund.objects.get()
    assert (made.asked_by, made.reason, made.note, made.origin) == (
        superuser.pk,
        "duplicate",
        "Asked by mail",
        "admin",
    )
    assert balance(purchase) == 4000


def test_a_double_click_refunds_once(as_superuser: Client, purchase: Purchase) -> None:
    for _ in range(2):
        press(as_superuser, purchase, key="the same dialog")
    assert (Refund.objects.count(), fresh(purchase).refunded_minor) == (1, 1000)


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ({"note": ""}, "This field is required."),
        ({"amount": "1.005"}, "USD amounts have at most 2 decimal places."),
        ({"amount": "much"}, "Enter a number such as 2.5, with a point for decimals."),
    ],
)
def test_what_is_missing_is_said_in_the_dialog(
    as_superuser: Client, purchase: Purchase, answers: dict[str, str], told: str
) -> None:
    answer = press(as_superuser, purchase, **answers)
    assert answer.status_code == 200
    assert told in answer.content.decode()
    assert not Refund.objects.exists()


def test_an_amount_finer_than_stripe_refunds_is_named_at_its_field(
    as_superuser: Client, sandbox: Sandbox, buyer: User
) -> None:
    PackageFactory(code="isk", currency="isk", price_minor=150_000, credits=1000)
    purchase = buy(sandbox, buyer, "isk")
    spend(purchase, 333)

    assert 'name="amount" value="1000.00"' in read(as_superuser, button_of(purchase, "refund"))
    answer = press(as_superuser, purchase, amount="1.50")
    assert "Stripe only accepts whole amounts in ISK." in answer.content.decode()
    assert not Refund.objects.exists()


def test_more_than_is_left_is_refused_with_what_is(as_superuser: Client, purchase: Purchase) -> None:
    answer = press(as_superuser, purchase, amount="45.01")
    assert messages_after(answer) == ["At most $45.00 of $45.00 can be refunded."]
    assert history_of(purchase) == [("stella", "Refund failed: not_refundable")]


def test_a_refusal_of_stripes_is_told(as_superuser: Client, purchase: Purchase) -> None:
    refund_in_dashboard(purchase, 4500)
    answer = press(as_superuser, purchase)
    (told,) = messages_after(answer)
    assert told.startswith("Stripe refused the request: Charge ch_")
    assert "has already been refunded (request req_" in told
    assert told.endswith("). Nothing was refunded.")


def test_no_answer_is_told_too(as_superuser: Client, sandbox: Sandbox, purchase: Purchase) -> None:
    for _ in range(5):
        sandbox.fault(method="POST", path="/v1/refunds", status=None)
    answer = press(as_superuser, purchase)
    assert "retried automatically" in messages_after(answer)[0]
    assert Refund.objects.get().status == "requested"


def test_the_button_is_only_for_whom_may_and_where_there_is_something_to_refund(
    as_superuser: Client, purchase: Purchase
) -> None:
    reader = UserFactory.create(is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_purchase"))
    button = button_of(purchase, "refund")

    assert button in read(as_superuser, page_of(purchase))
    assert button not in read(sign_in(reader), page_of(purchase))
    assert sign_in(reader).post(button, {"_form_submitted": "True"}).status_code == 403
    refund(purchase, 4500)
    page = read(as_superuser, page_of(purchase))
    assert button not in page
    assert "Fully refunded." in page


def test_what_a_bank_has_taken_back_is_not_offered_to_refund(
    as_superuser: Client, sandbox: Sandbox, purchase: Purchase
) -> None:
    sandbox.dispute(charge_of(sandbox, purchase), amount=4000)
    deliver(sandbox)

    assert button_of(purchase, "refund") in read(as_superuser, page_of(purchase))
    assert "Refundable: $5.00." in read(as_superuser, button_of(purchase, "refund"))
    with pytest.raises(NotRefundable, match=r"At most \$5.00 of \$45.00"):
        refund(purchase, 501)


def test_a_wholly_disputed_purchase_has_no_button_and_says_why(
    as_superuser: Client, sandbox: Sandbox, purchase: Purchase
) -> None:
    dispute = sandbox.dispute(charge_of(sandbox, purchase))
    deliver(sandbox)
    button, page = button_of(purchase, "refund"), read(as_superuser, page_of(purchase))

    assert button not in page
    why = "The payment is disputed, so Stripe won’t refund it."
    assert why in page
    assert why in read(as_superuser, button), "whoever comes too late is told"
    with pytest.raises(NotRefundable, match="The payment is disputed"):
        refund(purchase, 1)
    assert not Refund.objects.exists()

    sandbox.close_dispute(dispute["id"], "won")
    deliver(sandbox)
    assert button in read(as_superuser, page_of(purchase))


def test_lists_and_pages_tell_what_went_back(
    as_superuser: Client, sandbox: Sandbox, purchase: Purchase
) -> None:
    spend(purchase, 4500)
    made = refund(purchase, 900)
    sandbox.dispute(charge_of(sandbox, purchase))
    deliver(sandbox)
    dispute = Dispute.objects.get()

    assert "$9.00" in read(as_superuser, list_of(Refund), status__exact="succeeded")
    assert "$9.00" not in read(as_superuser, list_of(Refund), status__exact="failed")
    page = read(as_superuser, page_of(made))
    assert "Asked by mail." in page
    assert page_of(purchase) in page
    page = read(as_superuser, page_of(dispute))
    assert f"https://dashboard.stripe.com/test/disputes/{dispute.stripe_dispute_id}" in page
    page = read(as_superuser, page_of(purchase))
    assert {page_of(made), page_of(dispute)} <= set(re.findall(r'href="([^"]+)"', page))
    assert re.search(r"Removed\W+500\b", page)


def test_neither_can_be_edited_or_deleted(as_superuser: Client, sandbox: Sandbox, purchase: Purchase) -> None:
    made = refund(purchase, 900)
    for page in ("change", "delete"):
        assert as_superuser.post(page_of(made, page), {"note": "x", "post": "yes"}).status_code == 403
    assert Refund.objects.get().note == "Asked by mail."
