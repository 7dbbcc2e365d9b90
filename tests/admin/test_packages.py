"""Packages are edited in the currency's main unit, synced by a button, and shown where they differ from Stripe."""

from __future__ import annotations

from typing import Any

import pytest
import stripe
from django.apps import apps
from django.conf import settings as django_settings
from django.test import Client

from accounts.audit.models import AuditEntry
from accounts.models import User
from billing import tasks as jobs
from billing.packages.models import Package
from tests.admin.forms import form_of
from tests.admin.pages import (
    add_to,
    button_of,
    history_of,
    list_of,
    messages_after,
    page_of,
    press,
    read,
    rows_of,
)
from tests.support.builders import PackageFactory
from tests.support.sandbox import Sandbox
from tests.support.signing_in import sign_in

pytestmark = pytest.mark.django_db

PACKAGES = list_of(Package)


@pytest.fixture
def package(db: None) -> Package:
    made: Package = PackageFactory.create(code="starter", name="Starter", display_order=1)
    return made


def save(client: Client, package: Package, **changes: Any) -> Any:
    return client.post(page_of(package), form_of(package, **changes))


@pytest.mark.parametrize(
    ("price", "currency", "minor"),
    [
        ("45.00", "usd", 4500),
        ("45", "usd", 4500),
        ("4500", "jpy", 4500),
        ("1.230", "kwd", 1230),
        ("0", "usd", 0),
    ],
)
def test_a_price_is_written_in_the_main_unit(
    as_superuser: Client, package: Package, price: str, currency: str, minor: int
) -> None:
    assert save(as_superuser, package, price=price, currency=currency).status_code == 302

    package.refresh_from_db()
    assert (package.price_minor, package.currency) == (minor, currency)
    assert f'value="{package.price.major}"' in read(as_superuser, page_of(package))


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"price": "1.005"}, "price", "USD amounts have at most 2 decimal places."),
        ({"price": "1.5", "currency": "jpy"}, "price", "JPY amounts must be whole numbers."),
        ({"price": "-1"}, "price", "Ensure this value is greater than or equal to 0."),
        ({"price": "ten"}, "price", "Enter a number such as 2.5, with a point for decimals."),
        (
            {"currency": "USD"},
            "currency",
            "Enter a currency that Stripe accepts, in lower case, such as usd.",
        ),
        (
            {"currency": "zzz"},
            "currency",
            "Enter a currency that Stripe accepts, in lower case, such as usd.",
        ),
        ({"price": "0.10"}, "price", "Stripe’s minimum is $0.50."),
        ({"price": "9999999.99"}, "price", "Stripe’s maximum is $999,999.99."),
        (
            {"price": "12.345", "currency": "kwd"},
            "price",
            "Stripe accepts two decimal places in KWD; the third must be 0.",
        ),
        ({"credits": "0"}, "credits", "Ensure this value is greater than or equal to 0.01."),
    ],
)
def test_a_mistake_is_named_at_its_field(
    as_superuser: Client, package: Package, changes: dict[str, str], field: str, reason: str
) -> None:
    answer = save(as_superuser, package, **changes)

    assert answer.status_code == 200
    assert answer.context["errors"] == [[reason]]
    assert field in answer.context["adminform"].form.errors
    before = (package.price_minor, package.credits, package.currency)
    package.refresh_from_db()
    assert (package.price_minor, package.credits, package.currency) == before


def test_a_package_is_added(as_superuser: Client) -> None:
    fields = form_of(PackageFactory.build(name="New"), code="new", price="19.99")

    assert as_superuser.post(add_to(Package), fields).status_code == 302
    assert Package.objects.get(code="new").price_minor == 1999


@pytest.mark.parametrize("place", ["added", "changed"])
def test_a_product_that_stripe_has_already_is_given_and_taken_over(
    sandbox: Sandbox, as_superuser: Client, package: Package, place: str
) -> None:
    api = stripe.StripeClient(django_settings.STRIPE_SECRET_KEY, base_addresses={"api": sandbox.url})
    product = api.v1.products.create({"name": "Sold before"})
    price = api.v1.prices.create({"product": product.id, "currency": "usd", "unit_amount": 1000})
    given = {"product_to_adopt": product.id, "price_to_adopt": price.id}
    if place == "added":
        package.delete()
        as_superuser.post(add_to(Package), form_of(package, code="starter", **given))
        package = Package.objects.get(code="starter")
    else:
        save(as_superuser, package, **given)
        package.refresh_from_db()
    assert (package.stripe_product_id, package.awaits_adoption, package.current_product_id) == (
        product.id,
        True,
        "",
    )

    press(as_superuser, package, "sync")
    package.refresh_from_db()
    assert (package.awaits_adoption, package.current_price_id) == (False, price.id)
    save(as_superuser, package)
    package.refresh_from_db()
    assert (package.stripe_product_id, package.awaits_adoption) == (product.id, False)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"product_to_adopt": "Starter"}, "Enter a Stripe product ID (prod_…)."),
        ({"price_to_adopt": "price_1"}, "Enter the price’s product as well."),
        ({"product_to_adopt": "prod_other"}, "Other already uses this product."),
    ],
)
def test_what_cannot_be_taken_over_is_named_at_its_field(
    as_superuser: Client, package: Package, given: dict[str, str], reason: str
) -> None:
    PackageFactory(code="other", name="Other", stripe_product_id="prod_other")
    answer = save(as_superuser, package, **given)

    assert answer.context["errors"] == [[reason]]
    package.refresh_from_db()
    assert (package.stripe_product_id, package.awaits_adoption) == ("", False)


def test_the_code_that_clients_order_by_stays(as_superuser: Client, package: Package) -> None:
    assert save(as_superuser, package, code="other", name="Renamed").status_code == 302

    package.refresh_from_db()
    assert (package.code, package.name) == ("starter", "Renamed")


def test_a_package_is_taken_off_sale_and_never_deleted(as_superuser: Client, package: Package) -> None:
    chosen = {"action": "delete_selected", "_selected_action": [str(package.pk)], "post": "yes"}

    assert as_superuser.get(page_of(package, "delete")).status_code == 403
    assert as_superuser.post(page_of(package, "delete"), {"post": "yes"}).status_code == 403
    as_superuser.post(PACKAGES, chosen)
    assert Package.objects.filter(pk=package.pk).exists()
    assert "delete_selected" not in read(as_superuser, PACKAGES)


def test_a_change_is_recorded_with_who_and_where(
    as_superuser: Client, superuser: User, package: Package
) -> None:
    save(as_superuser, package, price="12.00")

    assert history_of(package) == [("stella", "Changed Price.")]
    assert "Changed Price." in read(as_superuser, page_of(package, "history"))
    entry = AuditEntry.objects.latest("id")
    assert (entry.actor_id, entry.page) == (superuser.pk, page_of(package))
    assert (entry.after or {})["price_minor"] == 1200


# --- Sync ------------------------------------------------------------------------------------------------------


def sync_listed(client: Client, *packages: Package) -> Any:
    chosen = [str(package.pk) for package in packages]
    return client.post(PACKAGES, {"action": "sync_selected", "_selected_action": chosen})


def test_the_button_syncs_and_is_recorded(sandbox: Sandbox, as_superuser: Client, package: Package) -> None:
    answer = press(as_superuser, package, "sync")

    assert answer.status_code == 302
    assert answer.url == page_of(package)
    [product] = sandbox.objects("product")
    assert product["metadata"]["package_code"] == "starter"
    [price] = sandbox.objects("price")
    done = f"Created product {product['id']} for Starter. Created price {price['id']} of $10.00 for Starter."
    assert messages_after(answer) == [done]
    assert history_of(package) == [("stella", f"Synced to Stripe. {done}")]


def test_the_lists_action_syncs_what_was_chosen(
    sandbox: Sandbox, as_superuser: Client, package: Package
) -> None:
    chosen, other = PackageFactory.create(), PackageFactory.create()

    assert sync_listed(as_superuser, package, chosen).status_code == 302

    codes = {product["metadata"]["package_code"] for product in sandbox.objects("product")}
    assert codes == {package.code, chosen.code}
    assert history_of(chosen)
    assert not history_of(other)


def test_stripes_silence_is_told_and_recorded(
    sandbox: Sandbox, as_superuser: Client, package: Package
) -> None:
    sandbox.fault(method="GET", path="/v1/products", status=500, times=9)

    answer = press(as_superuser, package, "sync")

    assert answer.status_code == 302
    assert "Starter: " in messages_after(answer)[0]
    assert history_of(package) == [("stella", "Sync to Stripe failed: stripe_unavailable")]


def test_asking_to_sync_does_nothing_yet(sandbox: Sandbox, as_superuser: Client, package: Package) -> None:
    assert "Sync this package to Stripe?" in read(as_superuser, button_of(package, "sync"))
    assert sandbox.calls() == []


def test_syncing_needs_csrfs_token(sandbox: Sandbox, superuser: User, package: Package) -> None:
    careless = sign_in(superuser, enforce_csrf_checks=True)

    assert press(careless, package, "sync").status_code == 403
    assert sync_listed(careless, package).status_code == 403
    assert sandbox.calls() == []


def test_what_changed_at_stripe_is_shown_once_the_worker_has_mirrored_it(
    sandbox: Sandbox, as_superuser: Client, package: Package
) -> None:
    press(as_superuser, package, "sync")
    package.refresh_from_db()
    for page in (PACKAGES, page_of(package)):
        assert "in sync" in read(as_superuser, page)

    api = stripe.StripeClient(django_settings.STRIPE_SECRET_KEY, base_addresses={"api": sandbox.url})
    api.v1.products.update(package.stripe_product_id, {"name": "Renamed at Stripe"})
    api.v1.prices.update(package.stripe_price_id, {"active": False})
    sandbox.wait_for_webhooks()
    run_mirroring()

    for page in (PACKAGES, page_of(package)):
        shown = read(as_superuser, page)
        assert "name in Stripe is 'Renamed at Stripe'" in shown
        assert "no active price of $10.00 in Stripe" in shown
    assert rows_of(as_superuser, PACKAGES, drift="yes") == [package]
    assert rows_of(as_superuser, PACKAGES, drift="no") == []


def run_mirroring() -> None:
    """What the worker does with the jobs that the webhooks left."""
    deferred = apps.get_model("procrastinate", "ProcrastinateJob").objects.filter(
        task_name="billing.mirror_event"
    )
    for job in deferred.order_by("id"):
        jobs.mirror_event(**job.args)


# --- Staff without permissions -----------------------------------------------------------------------------------


def test_staff_may_look_at_packages_and_press_nothing(
    sandbox: Sandbox, as_clerk: Client, package: Package
) -> None:
    for page in (PACKAGES, page_of(package)):
        shown = read(as_clerk, page)
        assert "$10.00" in shown
        for absent in ("sync_selected", "/sync/", 'name="_save"', add_to(Package)):
            assert absent not in shown

    refused = [
        sync_listed(as_clerk, package),
        save(as_clerk, package, price="1.00"),
        as_clerk.post(add_to(Package), form_of(package, code="new")),
        as_clerk.get(button_of(package, "sync")),
        press(as_clerk, package, "sync"),
        as_clerk.post(page_of(package, "delete"), {"post": "yes"}),
    ]
    assert [answer.status_code for answer in refused] == [403] * len(refused)
    assert sandbox.calls() == []
