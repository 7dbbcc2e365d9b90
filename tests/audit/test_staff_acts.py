"""Each thing that staff do in the back office is on record: who, before and after, from where, in which request."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client

from accounts.audit.models import HIDDEN
from accounts.clients.models import ApiClient, ApiKey
from accounts.models import User
from billing.packages.models import Package
from billing.purchases.models import Purchase
from billing.refunds.models import Refund
from credits.adjustments.models import Adjustment
from credits.rates.models import Rate
from tests.admin.forms import adjust, form_of
from tests.admin.pages import add_to, button_of, page_of, press
from tests.admin.rows import Books, make_adjustment, make_finding, make_inbox_event, make_purchase
from tests.audit.entries import assert_origin, changes, entries_about, latest
from tests.credits.builders import funded
from tests.rates.builders import put_rate, utc
from tests.returns.asking import press as refund
from tests.returns.selling import buy
from tests.support.builders import UserFactory, put_on_sale, start
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db


# --- What is sold -----------------------------------------------------------------------------------------------------


def test_an_edit_of_a_package(as_superuser: Client, superuser: User, books: Books) -> None:
    package = books.package
    before = package.price_minor
    as_superuser.post(page_of(package), form_of(package, price="12.00", name="Smaller", display_order="0"))

    entry = entries_about(package)[-1]
    assert (entry.act, entry.object_name, entry.beside) == ("changed", package.code, {"currency": "usd"})
    assert changes(entry) == {"price_minor": (before, 1200), "name": (package.name, "Smaller")}
    assert_origin(entry, superuser, page_of(package))


def test_a_new_package(as_superuser: Client, superuser: User, books: Books) -> None:
    as_superuser.post(add_to(Package), {**form_of(books.package), "code": "fresh"})

    entry = latest("packages.package")
    assert (entry.act, entry.object_name, entry.before) == ("created", "fresh", None)
    assert (entry.after or {})["price_minor"] == books.package.price_minor
    assert_origin(entry, superuser, add_to(Package))


def test_a_sync_to_stripe(sandbox: Sandbox, as_superuser: Client, superuser: User, books: Books) -> None:
    press(as_superuser, books.package, "sync")

    product, price, synced = entries_about(books.package)[-3:]
    assert "stripe_product_id" in changes(product)
    assert "stripe_price_id" in changes(price)
    assert (synced.act, "steps" in synced.beside) == ("synced", True)
    for entry in (product, price, synced):
        assert_origin(entry, superuser, button_of(books.package, "sync"))


def test_a_withdrawn_rate(as_superuser: Client, superuser: User) -> None:
    rate = put_rate(effective_from=utc(2090))
    key = rate.pk
    as_superuser.post(page_of(rate, "delete"), {"post": "yes"})

    entry = latest("rates.rate")
    assert (entry.act, entry.object_id, entry.object_name) == ("deleted", str(key), rate.model)
    assert ((entry.before or {})["per"], entry.after) == (rate.per, None)
    assert_origin(entry, superuser, page_of(Rate(pk=key), "delete"))


# --- Money and credits ------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_refund(sandbox: Sandbox, as_superuser: Client, superuser: User) -> None:
    put_on_sale()
    sandbox.hold_webhooks()
    purchase = buy(sandbox, UserFactory.create())
    refund(as_superuser, purchase, amount="9")

    asked = Refund.objects.get()
    made, *_later = entries_about(asked)
    assert (made.act, made.beside) == ("created", {"currency": "usd", "payment_id": str(asked.payment_id)})
    assert ((made.after or {})["amount_minor"], (made.after or {})["note"]) == (900, HIDDEN)
    of_purchase = changes(next(e for e in entries_about(purchase) if "refunded_minor" in changes(e)))
    assert of_purchase["refunded_minor"] == (0, 900)
    assert_origin(made, superuser, button_of(purchase, "refund"))


def test_an_adjustment_and_its_approval(as_superuser: Client, superuser: User, settings: Any) -> None:
    account = funded(100)
    adjust(as_superuser, account)

    asked, booked = entries_about(Adjustment.objects.get())
    assert (asked.act, (asked.after or {})["amount"]) == ("created", 5)
    assert changes(booked)["status"] == ("waiting", "booked")
    assert_origin(asked, superuser, button_of(account, "adjust"))

    settings.ADJUSTMENT_APPROVAL_ABOVE = 1000
    waiting = make_adjustment(account, "5000")
    press(as_superuser, waiting, "approve")
    decided = entries_about(waiting)[-1]
    assert changes(decided)["status"] == ("waiting", "booked")
    assert changes(decided)["decided_by_id"] == (None, str(superuser.pk))
    assert_origin(decided, superuser, button_of(waiting, "approve"))


def test_a_released_hold(as_superuser: Client, superuser: User, books: Books) -> None:
    press(as_superuser, books.hold, "release")

    (entry,) = entries_about(books.hold)
    assert (entry.act, entry.beside["reason"]) == ("released", "The job died")
    assert changes(entry) == {"status": ("open", "released"), "remaining": ("20.000000", "0")}
    assert_origin(entry, superuser, button_of(books.hold, "release"))
    press(as_superuser, books.hold, "release")
    assert len(entries_about(books.hold)) == 1, "the second one changed nothing"


# --- Repairs ----------------------------------------------------------------------------------------------------------


def test_fulfilment_run_again(sandbox: Sandbox, as_superuser: Client, superuser: User) -> None:
    put_on_sale()
    sandbox.hold_webhooks()
    started = start(UserFactory.create())
    sandbox.pay(started.session_id)
    press(as_superuser, started.purchase, "rerun")

    entry = entries_about(started.purchase)[-1]
    assert changes(entry)["status"] == ("pending", "completed")
    rerun = latest("purchases.purchaseevent")
    assert (rerun.object_name, (rerun.after or {})["purchase_id"]) == (
        "fulfilment_rerun",
        str(started.purchase.pk),
    )
    for one in (entry, rerun):
        assert_origin(one, superuser, button_of(started.purchase, "rerun"))


def test_an_event_applied_again(as_superuser: Client, superuser: User) -> None:
    event = make_inbox_event(make_purchase(), status="failed")
    press(as_superuser, event, "reapply")

    (entry,) = entries_about(event)
    assert changes(entry)["status"] == ("failed", "applied")
    assert_origin(entry, superuser, button_of(event, "reapply"))
    press(as_superuser, event, "reapply")
    assert list(changes(entries_about(event)[-1])) == ["applied_at"]


def test_a_settled_finding(as_superuser: Client, superuser: User) -> None:
    finding = make_finding(make_purchase())
    press(as_superuser, finding, "settle")

    (entry,) = entries_about(finding)
    assert changes(entry)["state"] == ("waiting", "settled")
    assert changes(entry)["settled_by"] == (None, str(superuser.pk))
    assert_origin(entry, superuser, button_of(finding, "settle"))


def test_a_comparison_with_stripe(as_superuser: Client, superuser: User) -> None:
    address = "/admin/reconciliation/reconciliationrun/compare/"
    as_superuser.post(address, {"_form_submitted": "True", "days": "30"})

    entry = latest("reconciliation.reconciliationrun")
    assert (entry.act, entry.beside) == ("started", {"days": 30})
    assert_origin(entry, superuser, address)


# --- Rights and secrets -----------------------------------------------------------------------------------------------


def test_rights_given_to_a_user(as_superuser: Client, superuser: User, clerk: User) -> None:
    finance = Group.objects.get(name="finance")
    fields = {"username": clerk.username, "is_active": "on", "is_staff": "on", "is_superuser": "on"}
    answer = as_superuser.post(page_of(clerk), {**fields, "groups": [finance.pk]})

    assert answer.status_code == 302
    given = [changes(entry) for entry in entries_about(clerk)[-2:]]
    assert {"is_superuser": (False, True)} in [
        {k: v for k, v in one.items() if k[:3] == "is_"} for one in given
    ]
    assert {"groups": (None, "finance")} in given
    for entry in entries_about(clerk)[-2:]:
        assert_origin(entry, superuser, page_of(clerk))


def test_a_password_set_for_somebody_says_that_and_not_which(
    as_superuser: Client, superuser: User, clerk: User
) -> None:
    address = f"/admin/accounts/user/{clerk.pk}/password/"
    word = "correct horse battery"
    wanted = {"password1": word, "password2": word, "usable_password": "true"}
    assert as_superuser.post(address, wanted).status_code == 302

    entry = entries_about(clerk)[-1]
    assert changes(entry) == {"password": ("", HIDDEN)}
    assert_origin(entry, superuser, address)


def test_a_deleted_user(as_superuser: Client, superuser: User) -> None:
    user = UserFactory.create()
    about = page_of(user, "delete")
    key = str(user.pk)
    as_superuser.post(about, {"post": "yes"})

    entry = latest("accounts.user")
    assert (entry.act, entry.object_id) == ("deleted", key)
    assert user.email not in str(entry.before)
    assert_origin(entry, superuser, about)


def test_what_a_group_may(as_superuser: Client, superuser: User) -> None:
    group = Group.objects.create(name="interns")
    permission = Permission.objects.get(codename="refund_purchase")
    as_superuser.post(page_of(group), {"name": "interns", "permissions": [permission.pk]})

    entry = entries_about(group)[-1]
    assert changes(entry) == {"permissions": (None, "refund_purchase")}
    assert entry.object_name == "interns"
    assert_origin(entry, superuser, page_of(group))


def test_a_client_and_its_key(as_superuser: Client, superuser: User) -> None:
    as_superuser.post(add_to(ApiClient), {"name": "reports", "scopes": ["read"], "is_active": "on"})
    service = ApiClient.objects.get()
    as_superuser.post(button_of(service, "create_key"), {"_form_submitted": "True", "name": "production"})
    key = ApiKey.objects.get()
    press(as_superuser, key, "revoke")

    made, revoked = entries_about(key)
    assert (entries_about(service)[0].act, made.act, made.object_name) == ("created", "created", "production")
    assert (made.after or {})["secret_hash"] == HIDDEN
    assert changes(revoked).keys() == {"revoked_at"}
    assert_origin(revoked, superuser, button_of(key, "revoke"))


def test_what_a_buyer_does_is_not_a_staff_act(superuser: User) -> None:
    purchase = make_purchase()
    assert [entry for entry in entries_about(purchase) if entry.actor_id] == []
    assert Purchase.objects.exists()
