"""Generate purchases with their events, payments, refunds and disputes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from uuid import UUID

from django.db.models import Model

from accounts.models import User
from billing.packages.pricing import Offer
from billing.purchases.models import Payment, Purchase, PurchaseEvent
from billing.refunds.models import Dispute, Refund
from billing.refunds.reversals import credits_for
from billing.sample_data.books import MILLION, spelled_amount
from billing.sample_data.plan import Moment, instant
from credits.ledger.models import Account, Clawback

Status = Purchase.Status
Source = PurchaseEvent.Source
MINUTE = 60 * MILLION
DAY = 24 * 60 * MINUTE
# How long a bank takes to decide; younger disputes are open.
UNDECIDED_DAYS = 60


@dataclass
class Sale:
    """A purchase in progress; its rows are added once complete."""

    purchase: Purchase
    payment: Payment | None = None
    events: list[PurchaseEvent] = field(default_factory=list)
    returns: list[Model] = field(default_factory=list)

    @property
    def rows(self) -> Sequence[Model]:
        return [self.purchase, *([self.payment] if self.payment else []), *self.events, *self.returns]

    def tell(
        self,
        what: str,
        source: Source,
        at: int,
        status: Status | None = None,
        detail: Mapping[str, object] | None = None,
    ) -> None:
        before = self.purchase.status
        self.purchase.status = status or Status(before)
        event = PurchaseEvent(
            purchase_id=self.purchase.pk,
            what=what,
            from_status=before,
            to_status=self.purchase.status,
            source=source,
            detail=detail or {},
            created_at=instant(at),
        )
        self.events.append(event)


@dataclass(frozen=True)
class Claim:
    """A refund's or dispute's claim on a sale, in minor units of money and millionths of credits."""

    row: Refund | Dispute
    minor: int
    credits: int
    owes: bool


def start_sale(user: User, account: Account, offered: Offer, random: Random, at: int) -> Sale:
    """Start a sale with an opened checkout."""
    package = offered.package
    number = UUID(int=random.getrandbits(128), version=4)
    purchase = Purchase(
        id=number,
        user_id=user.pk,
        account_id=account.pk,
        package_id=package.pk,
        package_code=package.code,
        package_name=package.name,
        credits=package.credits,
        price_minor=package.price_minor,
        list_price_minor=offered.list_price.minor,
        currency=package.currency,
        discount_percentage=offered.discount_percentage,
        validity_days=package.validity_days,
        stripe_session_id=f"cs_seed_{number.hex}",
        stripe_customer_id=f"cus_seed_{user.pk.hex}",
        created_at=instant(at),
    )
    sale = Sale(purchase)
    sale.tell("started", Source.PAGE, at)
    sale.tell("checkout_opened", Source.PAGE, at + MILLION, detail={"session": purchase.stripe_session_id})
    return sale


def complete(sale: Sale, moment: Moment, balance: int, random: Random) -> None:
    purchase = sale.purchase
    sale.payment = _payment(purchase, Payment.State.PAID, moment.at, random)
    sale.payment.lot_id = moment.lot_id
    purchase.paid_minor = purchase.price_minor
    purchase.completed_at = purchase.confirmation_sent_at = instant(moment.at)
    detail = {"entry": moment.entry_id, "balance_after": spelled_amount(balance)}
    sale.tell("credited", Source.WEBHOOK, moment.at, Status.COMPLETED, detail)


def end_unpaid(sale: Sale, status: Status, at: int, random: Random) -> None:
    """Fail or expire a sale; leave a pending one as it is."""
    if status == Status.FAILED:
        sale.payment = _payment(sale.purchase, Payment.State.FAILED, at + 2 * DAY, random)
        sale.purchase.failure_code = "payment_failed"
        sale.tell("payment_failed", Source.WEBHOOK, at + 2 * DAY, status)
    elif status == Status.EXPIRED:
        sale.tell("checkout_expired", Source.WEBHOOK, at + 60 * MINUTE, status)


def claim_back(sale: Sale, status: Status, random: Random, moment: Moment, now: int) -> Claim:
    """Create the refund or dispute that leads to this status."""
    purchase, payment = sale.purchase, sale.payment
    assert payment is not None  # noqa: S101 - only paid sales are claimed back
    number = UUID(int=random.getrandbits(128), version=4)
    minor = purchase.price_minor
    if status == Status.PARTIALLY_REFUNDED:
        minor = max(1, minor * random.choice((10, 20, 25, 50, 75)) // 100)
    row: Refund | Dispute
    if status == Status.DISPUTED:
        row = _dispute(payment, number, random, moment.at, now)
        owes = row.policy == Clawback.Policy.DEBT
    else:
        row = _refund(payment, number, minor, random, moment.at)
        owes = row.policy == Refund.Policy.DEBT
    return Claim(row, minor, int(credits_for(purchase, minor) * MILLION), owes)


def settle(sale: Sale, claim: Claim, status: Status, taken: int, at: int) -> None:
    """Record a claim as `billing.refunds.reversals` and its callers do."""
    purchase, row = sale.purchase, claim.row
    took = spelled_amount(taken)
    purchase.status = status  # the services set it before they record the event
    sale.returns.append(row)
    detail = {"amount": str(row.amount), **({"credits": f"-{took}"} if taken else {})}
    if isinstance(row, Dispute):
        detail |= {"dispute": str(row.pk), "reason": row.reason}
        sale.tell(f"dispute_{row.status}", Source.WEBHOOK, at, detail=detail)
        return
    purchase.refunded_minor = claim.minor
    sale.tell("refund_requested", Source.STAFF, at, detail={"refund": str(row.pk), **detail})
    settled = {"refund": str(row.pk), "amount": detail["amount"]}
    sale.tell("refund_succeeded", Source.WEBHOOK, at + MINUTE, detail=settled)


def _payment(purchase: Purchase, state: Payment.State, at: int, random: Random) -> Payment:
    is_paid = state == Payment.State.PAID
    brand, first = random.choice((("visa", "4"), ("mastercard", "5"), ("amex", "3")))
    return Payment(
        id=UUID(int=random.getrandbits(128), version=4),
        purchase_id=purchase.pk,
        stripe_payment_intent_id=f"pi_seed_{purchase.pk.hex}",
        stripe_charge_id=f"ch_seed_{purchase.pk.hex}",
        amount_minor=purchase.price_minor,
        currency=purchase.currency,
        state=state,
        livemode=False,
        method="card",
        brand=brand,
        last4=f"{first}{random.randrange(1000):03d}",
        fingerprint=f"{random.getrandbits(64):016x}",
        made_at=purchase.created_at,
        paid_at=instant(at) if is_paid else None,
        reported_at=instant(at),
        created_at=instant(at),
    )


def _refund(payment: Payment, number: UUID, minor: int, random: Random, at: int) -> Refund:
    return Refund(
        id=number,
        payment_id=payment.pk,
        amount_minor=minor,
        counted_minor=minor,
        currency=payment.currency,
        status=Refund.Status.SUCCEEDED,
        reason=random.choice(Refund.Reason.values),
        note="Sample data",
        policy=random.choices((Refund.Policy.CAP, Refund.Policy.DEBT), (3, 1))[0],
        origin=Refund.Origin.ADMIN,
        stripe_refund_id=f"re_seed_{number.hex}",
        made_at=instant(at),
        created_at=instant(at),
        settled_at=instant(at + MINUTE),
        mailed_at=instant(at + MINUTE),
    )


def _dispute(payment: Payment, number: UUID, random: Random, at: int, now: int) -> Dispute:
    status = Dispute.Status.LOST
    if now - at < UNDECIDED_DAYS * DAY:
        status = random.choice((Dispute.Status.NEEDS_RESPONSE, Dispute.Status.UNDER_REVIEW))
    decided = status == Dispute.Status.LOST
    return Dispute(
        id=number,
        payment_id=payment.pk,
        amount_minor=payment.amount_minor,
        counted_minor=payment.amount_minor,
        currency=payment.currency,
        status=status,
        policy=Clawback.Policy.DEBT if decided else Clawback.Policy.CAP,
        reason=random.choice(("fraudulent", "product_not_received", "duplicate", "general")),
        due_by=instant((at if decided else now) + random.randrange(1, 15) * DAY),
        stripe_dispute_id=f"dp_seed_{number.hex}",
        made_at=instant(at),
        created_at=instant(at),
        closed_at=instant(at + 45 * DAY) if decided else None,
        staff_told_at=instant(at),
    )
