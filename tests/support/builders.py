"""Rows to test with."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import factory
from django.utils import timezone

from accounts.models import User
from billing.checkout.orders import PurchaseOrder
from billing.checkout.starting import StartedPurchase, start_purchase
from billing.customers.consents import ON_STRIPES_PAGE
from billing.customers.models import Consent, Customer, SavedMethod
from billing.packages.catalog import load_catalog
from billing.packages.catalog_file import read_catalog
from billing.packages.models import Package
from billing.provider.objects import Charge, PaymentMethod
from billing.purchases.models import Purchase, PurchaseEvent
from billing.purchases.payment_reports import PaymentReport, PaymentState
from credits.ledger.models import Account

CATALOGS = Path("billing/packages/catalogs")
VISA = PaymentMethod("card", brand="visa", last4="4242", fingerprint="f4242")


class UserFactory(factory.django.DjangoModelFactory[User]):
    class Meta:
        model = User

    username = factory.Sequence(lambda number: f"buyer{number}")
    email = factory.LazyAttribute(lambda user: f"{user.username}@example.com")


class PackageFactory(factory.django.DjangoModelFactory[Package]):
    class Meta:
        model = Package

    code = factory.Sequence(lambda number: f"pack{number}")
    name = factory.LazyAttribute(lambda package: package.code.title())
    credits = 1000
    price_minor = 1000
    currency = "usd"


def put_on_sale(catalog: str = "standard") -> None:
    load_catalog(read_catalog(CATALOGS / f"{catalog}.toml"))


def start(user: User, package_code: str = "starter", **order: Any) -> StartedPurchase:
    """A purchase whose checkout is open at the local Stripe."""
    return start_purchase(user, PurchaseOrder(package_code, **order), PurchaseEvent.Source.API)


def make_saved_card(account: Account, last4: str = "4242", **facts: Any) -> SavedMethod:
    """A card that may be charged, as if saved at Stripe: written straight into the database, with its consent."""
    customer, _ = Customer.objects.get_or_create(
        account=account, defaults={"stripe_customer_id": f"cus_{uuid4().hex[:14]}", "name": "Ada Lovelace"}
    )
    defaults = {"method": "card", "brand": "visa", "exp_month": 12, "exp_year": 2034}
    now = timezone.now()
    card = SavedMethod.objects.create(
        customer=customer,
        stripe_payment_method_id=f"pm_{uuid4().hex[:24]}",
        last4=last4,
        reported_at=now,
        attached_at=now,
        **{**defaults, **facts},
    )
    Consent.objects.create(
        customer=customer,
        kind=Consent.Kind.SAVED_CARD,
        wording=ON_STRIPES_PAGE,
        stripe_payment_method_id=card.stripe_payment_method_id,
    )
    return card


def let_ask_again() -> None:
    """As if nobody had looked at any purchase for a while: the next look asks Stripe."""
    Purchase.objects.update(asked_stripe_at=None)


def paid_report(purchase: Purchase, **facts: Any) -> PaymentReport:
    """Stripe's word that the purchase was paid now, in full, by a payment of its own and with a card."""
    told = {
        "state": PaymentState.PAID,
        "amount_minor": purchase.price_minor,
        "currency": purchase.currency,
        "at": timezone.now(),
        "livemode": False,
        "session_id": purchase.stripe_session_id or f"cs_test_{purchase.pk.hex}",
        "payment_intent_id": f"pi_{purchase.pk.hex}",
        **facts,
    }
    told.setdefault("charge", charge_for(purchase, VISA, told["at"]))
    return PaymentReport(**told)


def charge_for(purchase: Purchase, method: PaymentMethod, at: datetime.datetime) -> Charge:
    """The charge of `paid_report`, paid so."""
    return Charge(
        id=f"ch_{purchase.pk.hex}",
        status="succeeded",
        payment_intent_id=f"pi_{purchase.pk.hex}",
        amount=purchase.price_minor,
        amount_refunded=0,
        currency=purchase.currency,
        reference=str(purchase.pk),
        customer_id="",
        livemode=False,
        method=method,
        created=at,
    )
