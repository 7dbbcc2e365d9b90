"""One of everything that the back office shows, led there by the same functions as in the shop, but without Stripe."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django.db.models import Model
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import User
from billing.checkout.fulfilment import fulfil_purchase
from billing.customers.models import Consent, Customer, SavedMethod
from billing.inbox.models import InboxEvent
from billing.packages.models import Package
from billing.purchases.log import Source
from billing.purchases.models import Payment, Purchase, PurchaseEvent
from billing.reconciliation.models import ReconciliationFinding, ReconciliationRun
from billing.refunds.models import Dispute, Refund
from credits.adjustments import adjusting as adjustments
from credits.adjustments.adjusting import Terms
from credits.adjustments.models import Adjustment
from credits.ledger import operations as ledger
from credits.ledger.models import Account, Entry, Hold, Lot
from tests.support.builders import PackageFactory, UserFactory, make_saved_card, paid_report

READ_ONLY: list[type[Model]] = [
    Purchase,
    PurchaseEvent,
    Payment,
    InboxEvent,
    Account,
    Lot,
    Entry,
    Hold,
    Adjustment,
    ProcrastinateJob,
    Customer,
    SavedMethod,
    Consent,
]
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Books:
    """A purchase that was paid, and all that came of it: also a hold on its credits, still open, and an adjustment that
    waits.
    """

    user: User
    package: Package
    purchase: Purchase
    payment: Payment
    inbox_event: InboxEvent
    purchase_event: PurchaseEvent
    account: Account
    lot: Lot
    entry: Entry
    hold: Hold
    adjustment: Adjustment
    job: Any
    customer: Customer
    saved_method: SavedMethod
    consent: Consent

    def row(self, model: type[Model]) -> Any:
        return next(row for row in vars(self).values() if isinstance(row, model))


def make_books() -> Books:
    purchase = make_purchase()
    event = make_inbox_event(purchase, status="applied")
    pay(purchase, event.pk)
    purchase.refresh_from_db()
    assert purchase.user is not None
    assert purchase.package is not None
    card = make_saved_card(purchase.account)
    return Books(
        user=purchase.user,
        package=purchase.package,
        purchase=purchase,
        payment=purchase.payments.get(),
        inbox_event=event,
        purchase_event=PurchaseEvent.objects.filter(purchase=purchase).latest("id"),
        account=Account.objects.get(pk=purchase.account_id),
        lot=Lot.objects.filter(account=purchase.account_id).latest("id"),
        entry=Entry.objects.filter(account=purchase.account_id).latest("id"),
        hold=make_hold(purchase),
        adjustment=make_adjustment(purchase.account),
        job=ProcrastinateJob.objects.latest("id"),
        customer=card.customer,
        saved_method=card,
        consent=Consent.objects.get(stripe_payment_method_id=card.stripe_payment_method_id),
    )


def make_hold(purchase: Purchase, amount: str = "20", **terms: Any) -> Hold:
    """Some of the purchase's credits, set aside under a key of its own."""
    terms = {"expires_in": HOUR, "reference": f"job {uuid4()}", **terms}
    held = ledger.hold(purchase.account_id, Decimal(amount), key=f"work:{uuid4()}", **terms)
    return Hold.objects.get(pk=held.id)


def make_adjustment(account: Account, amount: str = "5000", asked_by: User | None = None) -> Adjustment:
    """Credits that a member of staff asked for; above the limit they wait."""
    key, reference = f"dialog:{uuid4()}", f"ticket {uuid4()}"
    terms = Terms(Decimal(amount), "A job that failed", key, reference)
    staff = asked_by or UserFactory.create(is_staff=True)
    return adjustments.ask(account.pk, terms, staff).adjustment


def make_purchase(**fields: Any) -> Purchase:
    """A purchase of a user and a package of its own, at the checkout."""
    user = fields.pop("user", None) or UserFactory.create()
    package = fields.pop("package", None) or PackageFactory.create()
    defaults = {
        "package_code": package.code,
        "package_name": package.name,
        "credits": package.credits,
        "price_minor": package.price_minor,
        "list_price_minor": package.price_minor,
        "currency": package.currency,
        "discount_percentage": 0,
        "stripe_session_id": f"cs_test_{uuid4().hex}",
    }
    account = ledger.open_account(user)
    return Purchase.objects.create(user=user, package=package, account=account, **{**defaults, **fields})


def pay(purchase: Purchase, event_id: str = "") -> None:
    report = paid_report(purchase)
    fulfil_purchase(purchase.pk, report, Source(PurchaseEvent.Source.WEBHOOK, stripe_event_id=event_id))


def make_inbox_event(purchase: Purchase | None, status: str, **fields: Any) -> InboxEvent:
    """An event whose id the admin must escape: it reads ``_3A`` as a colon."""
    payload = session_completed(purchase) if purchase else {}
    event_id = f"evt_3A{uuid4().hex}"
    return InboxEvent.objects.create(
        id=event_id,
        type="checkout.session.completed",
        payload={**payload, "id": event_id},
        stripe_created=timezone.now(),
        status=status,
        purchase=purchase,
        **fields,
    )


def session_completed(purchase: Purchase) -> dict[str, Any]:
    """Stripe's word that the purchase's checkout was paid."""
    now = int(timezone.now().timestamp())
    session = {
        "id": purchase.stripe_session_id,
        "object": "checkout.session",
        "status": "complete",
        "payment_status": "paid",
        "amount_total": purchase.price_minor,
        "currency": purchase.currency,
        "metadata": {"purchase_id": str(purchase.pk)},
        "payment_intent": f"pi_{uuid4().hex}",
        "created": now,
        "expires_at": now + 3600,
    }
    envelope = {"object": "event", "type": "checkout.session.completed", "created": now, "livemode": False}
    return {**envelope, "api_version": "2026-08-26.dahlia", "data": {"object": session}}


def make_payment(purchase: Purchase, **facts: Any) -> Payment:
    """Paid now, in full, with a Visa; nothing follows."""
    facts = {
        "stripe_payment_intent_id": f"pi_{uuid4().hex}",
        "amount_minor": purchase.price_minor,
        "currency": purchase.currency,
        "state": "paid",
        "livemode": False,
        "method": "card",
        "brand": "visa",
        "last4": "4242",
        "paid_at": timezone.now(),
        "reported_at": timezone.now(),
        **facts,
    }
    return Payment.objects.create(purchase=purchase, **facts)


def make_refund(purchase: Purchase, **facts: Any) -> Refund:
    """Of a dollar, as listed; nothing is moved."""
    facts = {
        "amount_minor": 100,
        "counted_minor": 100,
        "currency": "usd",
        "policy": "cap",
        "origin": "admin",
        **facts,
    }
    payment = facts.pop("payment", None) or _payment_of(purchase)
    return Refund.objects.create(payment=payment, **facts)


def make_dispute(purchase: Purchase, **facts: Any) -> Dispute:
    """Of a dollar, as listed; nothing is moved."""
    made = {"amount_minor": 100, "counted_minor": 100, "currency": "usd", "made_at": timezone.now()}
    facts = {**made, "stripe_dispute_id": f"du_{uuid4().hex}", **facts}
    return Dispute.objects.create(payment=_payment_of(purchase), **facts)


def _payment_of(purchase: Purchase) -> Payment:
    return Purchase.objects.get(pk=purchase.pk).payment or make_payment(purchase)


def make_finding(purchase: Purchase, **facts: Any) -> ReconciliationFinding:
    """What a comparison of the last hour found."""
    now = timezone.now()
    run = ReconciliationRun.objects.create(
        source="nightly", period_start=now - HOUR, period_end=now, status="done", stage="", ended_at=now
    )
    key = f"amount_differs:{purchase.pk}"
    facts = {"key": key, "kind": "amount_differs", "detail": "paid 1, priced 2", "state": "waiting", **facts}
    return ReconciliationFinding.objects.create(run=run, purchase=purchase, **facts)
