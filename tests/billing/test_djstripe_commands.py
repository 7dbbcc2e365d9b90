"""dj-stripe's commands: its sync copies what Stripe holds, and those that do harm are withheld."""

from __future__ import annotations

import subprocess
import sys
from io import StringIO
from typing import Any

import pytest
import stripe
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command, get_commands
from djstripe import models as djstripe

from billing.privacy.erasure import erase_user
from tests.billing.calling import stripe_posts
from tests.billing.mirroring import make_price, make_product, pay
from tests.support.builders import UserFactory, put_on_sale, start
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
WITHHELD = ["djstripe_init_customers", "djstripe_sync_customers", "djstripe_process_events", "stripe_listen"]


@pytest.fixture(autouse=True)
def _only_the_command_copies(sandbox: Sandbox) -> None:
    sandbox.hold_webhooks()


@pytest.fixture
def api(sandbox: Sandbox) -> stripe.StripeClient:
    return stripe.StripeClient(django_settings.STRIPE_SECRET_KEY, base_addresses={"api": sandbox.url})


def sync(*kinds: str) -> tuple[str, str]:
    out, errors = StringIO(), StringIO()
    call_command("djstripe_sync_models", *kinds, stdout=out, stderr=errors)
    return out.getvalue(), errors.getvalue()


def test_the_sync_copies_products_prices_and_customers(sandbox: Sandbox, api: stripe.StripeClient) -> None:
    pay(api, sandbox, make_price(make_product()))
    sandbox.delete("/_sandbox/requests")

    said, errors = sync("Product", "Price", "Customer")
    assert said.splitlines() == ["Product: 1 mirrored", "Price: 1 mirrored", "Customer: 1 mirrored"]
    assert errors == ""
    assert [model.objects.count() for model in (djstripe.Product, djstripe.Price, djstripe.Customer)] == [
        1,
        1,
        1,
    ]
    assert not djstripe.APIKey.objects.exists()
    assert stripe_posts(sandbox) == []
    assert sync("Product")[0] == "Product: 1 mirrored\n"


def test_without_names_it_copies_all_that_is_mirrored(sandbox: Sandbox, api: stripe.StripeClient) -> None:
    pay(api, sandbox, make_price(make_product()))
    said, _errors = sync()

    assert {line.split(":")[0] for line in said.splitlines()} == {
        "Product", "Price", "Session", "PaymentIntent", "Charge", "Customer", "Refund", "Dispute"
    }  # fmt: skip
    assert "Refund: none in Stripe" in said
    assert djstripe.Charge.objects.count() == djstripe.PaymentMethod.objects.count() == 1


def test_what_is_not_mirrored_is_refused_before_anything_is_asked(sandbox: Sandbox) -> None:
    sandbox.delete("/_sandbox/requests")
    with pytest.raises(CommandError, match=r"Not mirrored: Payout, Nonsense\. Mirrored: Product, Price"):
        sync("Product", "Payout", "Nonsense")
    assert sandbox.calls() == []


def test_one_that_fails_is_told_and_keeps_none_of_the_others(sandbox: Sandbox) -> None:
    for _ in range(3):
        make_product()
    broken = sandbox.objects("product")[1]["id"]
    sandbox.fault(method="GET", path=f"/v1/products/{broken}", status=500, times=10)
    out, errors = StringIO(), StringIO()
    with pytest.raises(CommandError, match="Some objects could not be copied"):
        call_command("djstripe_sync_models", "Product", stdout=out, stderr=errors)

    assert djstripe.Product.objects.count() == 2
    assert errors.getvalue().startswith(f"Product {broken}: ")
    assert "2 mirrored" in out.getvalue()
    assert "1 failed" in out.getvalue()


def test_stripe_away_is_a_word_and_no_traceback(sandbox: Sandbox) -> None:
    sandbox.fault(method="GET", path="/v1/products", status=503, times=10)
    with pytest.raises(CommandError, match=r"^Product: Stripe can't be reached"):
        sync("Product")


def test_nothing_of_an_erased_buyer_comes_back(sandbox: Sandbox) -> None:
    put_on_sale()
    user, other = UserFactory(), UserFactory()
    for buyer in (user, other):
        sandbox.pay(start(buyer).session_id)
    sandbox.release_webhooks()
    sandbox.wait_for_webhooks()
    erase_user(user.pk, forfeit=True)
    djstripe.Session.objects.all().delete()

    assert sync("Session")[0] == "Session: 1 mirrored, 1 skipped (the buyer was erased)\n"
    (session,) = djstripe.Session.objects.all()
    assert session.stripe_data["metadata"]["user_id"] == str(other.pk)


@pytest.mark.parametrize("name", WITHHELD)
def test_what_does_harm_is_withheld_and_says_what_to_run(name: str, sandbox: Sandbox) -> None:
    sandbox.delete("/_sandbox/requests")
    UserFactory()
    with pytest.raises(CommandError, match="not offered here"):
        call_command(name)

    assert get_commands()[name] == "billing.djstripe_commands"
    assert sandbox.calls() == []
    assert not djstripe.WebhookEndpoint.objects.exists()


def test_every_command_of_djstripes_is_ours_or_known_to_do_no_harm() -> None:
    """A new version of dj-stripe may bring one that nobody has looked at."""
    theirs: dict[str, Any] = {name: app for name, app in get_commands().items() if app == "djstripe"}
    assert set(theirs) == {"djstripe_clear_expired_idempotency_keys"}


def test_options_of_the_withheld_ones_get_the_same_word() -> None:
    told = subprocess.run(
        [sys.executable, "manage.py", "djstripe_process_events", "--failed"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode != 0
    assert "not offered here" in told.stderr
