"""No path charges a card without a stored consent: every caller of the charge is found in the code, and tried."""

from __future__ import annotations

import ast
import functools
from pathlib import Path
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.models import User
from billing.customers.charging import Charge, charge
from billing.customers.methods import shown_methods
from billing.customers.models import Consent
from billing.errors import NoConsent
from billing.money import Money
from credits.ledger.operations import open_account
from tests.billing.calling import stripe_posts
from tests.customers.cards import charges, click, save_card
from tests.support.builders import UserFactory, put_on_sale
from tests.support.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("accounts", "backoffice", "billing", "config", "core", "credits")
CHARGING = "billing/customers/charging.py"
# Where the provider's call is declared, implemented and handed on.
PROVIDER = {"billing/provider/interface.py", "billing/stripe/charging.py", "billing/stripe/gateway.py"}
# The ways by which Stripe's own API takes money from a card that was saved.
STRIPES = {"payment_intents", "charges"}


@functools.cache
def modules() -> list[tuple[str, ast.Module]]:
    paths = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    return [(str(path.relative_to(ROOT)), ast.parse(path.read_text())) for path in paths]


def named(tree: ast.AST, name: str) -> bool:
    """Whether the code names this at all: calls it, imports it, hands it on, or looks it up by its name."""
    return any(
        name
        in (
            getattr(node, "id", None),
            getattr(node, "attr", None),
            getattr(node, "name", None),
            getattr(node, "value", None) if isinstance(node, ast.Constant) else None,
        )
        for node in ast.walk(tree)
    )


def calls_of_charge(tree: ast.AST) -> list[ast.Call]:
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "charge"
    ]


def test_one_module_alone_charges_by_the_provider() -> None:
    assert {path for path, tree in modules() if named(tree, "charge_method")} == {CHARGING, *PROVIDER}


def test_one_module_alone_charges_by_stripes_library() -> None:
    makers = {
        path
        for path, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in {"create", "confirm", "pay"}
        if getattr(node.value, "attr", "") in STRIPES
    }
    assert makers == {"billing/stripe/charging.py"}


def test_every_caller_of_the_charge_passes_a_stored_consent() -> None:
    callers = {
        path: calls_of_charge(tree)
        for path, tree in modules()
        if any(
            isinstance(node, ast.ImportFrom) and node.module == "billing.customers.charging"
            for node in ast.walk(tree)
        )
    }
    assert "billing/checkout/card_payments.py" in callers
    for path, calls in callers.items():
        assert calls, f"{path} imports the charge and doesn't call it by its name"
        for call in calls:
            assert len(call.args) == 3, f"{path}:{call.lineno}"
            consent = ast.unparse(call.args[1])
            assert consent.endswith((".consent_id", ".consent.pk")), f"{path}:{call.lineno}: {consent}"


@pytest.mark.django_db(transaction=True)
def test_a_charge_names_the_consent_that_is_stored_with_the_purchase(sandbox: Sandbox) -> None:
    put_on_sale()
    ada: User = UserFactory()
    purchase = click(ada, save_card(sandbox, ada)).purchase
    (intent,) = charges(sandbox)
    assert intent["metadata"]["consent_id"] == str(purchase.consent_id)
    consent = purchase.consent
    assert consent is not None
    assert consent.stripe_payment_method_id == intent["payment_method"]
    assert (consent.wording != "", consent.withdrawn_at) == (True, None)


@pytest.mark.django_db(transaction=True)
def test_no_other_consent_will_do_and_stripe_is_not_called(sandbox: Sandbox) -> None:
    put_on_sale()
    ada, bob = UserFactory(), UserFactory()
    save_card(sandbox, ada)
    save_card(sandbox, bob)
    (card,), (others,) = shown_methods(open_account(ada)), shown_methods(open_account(bob))
    own = Consent.objects.get(customer=card.row.customer)
    of_another = Consent.objects.get(customer=others.row.customer)
    order = Charge(key="x", amount=Money(100, "usd"), description="x", return_url="http://shop.test/")
    calls = len(stripe_posts(sandbox))
    for consent_id in (uuid4(), of_another.pk):
        with pytest.raises(NoConsent):
            charge(card.row, consent_id, order)
    Consent.objects.filter(pk=own.pk).update(withdrawn_at=timezone.now())
    with pytest.raises(NoConsent):
        charge(card.row, own.pk, order)
    assert len(stripe_posts(sandbox)) == calls
