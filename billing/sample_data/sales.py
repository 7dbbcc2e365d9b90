"""Generate purchases with their events, payments, refunds and disputes."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Mapping
from random import Random
from typing import Any
from uuid import UUID

from django.db.models import Model

from accounts.models import User
from billing.packages.pricing import Offer
from billing.purchases.models import Payment, Purchase, PurchaseEvent
from billing.refunds.models import Dispute, Refund
from credits.ledger.models import Account, Clawback
from credits.ledger.results import Clawed, Grant

Status = Purchase.Status
Source = PurchaseEvent.Source
DAY, HOUR, MINUTE, SECOND = (
    datetime.timedelta(**{unit: 1}) for unit in ("days", "hours", "minutes", "seconds")
)
# How long a bank takes to decide; younger disputes are open.
UNDECIDED = 60 * DAY
# Written in this order, as each points to those before it.
WRITTEN = (Purchase, Payment, PurchaseEvent, Refund, Dispute)
CHANGES = ("status", "refunded_minor")
ROWS_AT_ONCE = 1000


class Sales:
    """Generates rows of purchases, which `write` adds to the database; ``now`` is the end of all."""

    def __init__(self, random: Random, now: datetime.datetime) -> None:
        self.random, self.now = random, now
        self.rows: dict[type[Model], dict[object, Any]] = defaultdict(dict)

    def write(self) -> None:
        """Write the rows, those of purchases again if they changed since."""
        for model in WRITTEN:
            again = model is Purchase
            model._default_manager.bulk_create(
                self.rows.pop(model, {}).values(),
                batch_size=ROWS_AT_ONCE,
                update_conflicts=again,
                unique_fields=["id"] if again else None,
                update_fields=CHANGES if again else None,
            )

    def start(self, user: User, account: Account, offered: Offer, at: datetime.datetime) -> Purchase:
        """Start a purchase with an opened checkout."""
        package, number = offered.package, self.uuid()
        purchase = Purchase(
            id=number,
            user=user,
            account=account,
            package=package,
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
            created_at=at,
        )
        self._tell(purchase, "started", Source.PAGE, at)
        detail = {"session": purchase.stripe_session_id}
        self._tell(purchase, "checkout_opened", Source.PAGE, at + SECOND, detail=detail)
        return purchase

    def complete(self, purchase: Purchase, grant: Grant, at: datetime.datetime) -> Payment:
        payment = self._payment(purchase, Payment.State.PAID, at)
        payment.lot_id = grant.lot_id
        purchase.paid_minor = purchase.price_minor
        purchase.completed_at = purchase.confirmation_sent_at = at
        detail = {"entry": grant.entry_id, "balance_after": str(grant.balance_after)}
        self._tell(purchase, "credited", Source.WEBHOOK, at, Status.COMPLETED, detail)
        return payment

    def end_unpaid(self, purchase: Purchase, status: Status) -> None:
        """Fail or expire a purchase; leave a pending one as it is."""
        at = purchase.created_at
        if status == Status.FAILED:
            self._payment(purchase, Payment.State.FAILED, at + 2 * DAY)
            purchase.failure_code = "payment_failed"
            self._tell(purchase, "payment_failed", Source.WEBHOOK, at + 2 * DAY, status)
        elif status == Status.EXPIRED:
            self._tell(purchase, "checkout_expired", Source.WEBHOOK, at + HOUR, status)

    def reverse(self, payment: Payment, status: Status, at: datetime.datetime) -> Refund | Dispute:
        """Return the refund or dispute that leads to this status of its purchase."""
        minor = payment.amount_minor
        if status == Status.PARTIALLY_REFUNDED:
            minor = max(1, minor * self.random.choice((10, 20, 25, 50, 75)) // 100)
        return self._dispute(payment, at) if status == Status.DISPUTED else self._refund(payment, minor, at)

    def settle(self, reversal: Refund | Dispute, status: Status, clawed: Clawed) -> None:
        """Record a reversal as `billing.refunds.reversals` and its callers do."""
        purchase, at = reversal.payment.purchase, reversal.at
        self._add(reversal)
        purchase.status = status  # the services set it before they record the event
        detail = {"amount": str(reversal.amount), **({"credits": f"-{clawed.taken}"} if clawed.taken else {})}
        if isinstance(reversal, Dispute):
            detail |= {"dispute": str(reversal.pk), "reason": reversal.reason}
            self._tell(purchase, f"dispute_{reversal.status}", Source.WEBHOOK, at, detail=detail)
            return
        purchase.refunded_minor = reversal.amount_minor
        refund = {"refund": str(reversal.pk)}
        self._tell(purchase, "refund_requested", Source.STAFF, at, detail={**refund, **detail})
        detail = {**refund, "amount": detail["amount"]}
        self._tell(purchase, "refund_succeeded", Source.WEBHOOK, at + MINUTE, detail=detail)

    def uuid(self) -> UUID:
        return UUID(int=self.random.getrandbits(128), version=4)

    def _add(self, row: Model) -> None:
        self.rows[type(row)][row.pk or len(self.rows[type(row)])] = row

    def _tell(
        self,
        purchase: Purchase,
        what: str,
        source: Source,
        at: datetime.datetime,
        status: Status | None = None,
        detail: Mapping[str, object] | None = None,
    ) -> None:
        before = purchase.status
        purchase.status = status or Status(before)
        event = PurchaseEvent(
            purchase=purchase,
            what=what,
            from_status=before,
            to_status=purchase.status,
            source=source,
            detail=detail or {},
            created_at=at,
        )
        self._add(purchase)
        self._add(event)

    def _payment(self, purchase: Purchase, state: Payment.State, at: datetime.datetime) -> Payment:
        brand, first = self.random.choice((("visa", "4"), ("mastercard", "5"), ("amex", "3")))
        payment = Payment(
            id=self.uuid(),
            purchase=purchase,
            stripe_payment_intent_id=f"pi_seed_{purchase.pk.hex}",
            stripe_charge_id=f"ch_seed_{purchase.pk.hex}",
            amount_minor=purchase.price_minor,
            currency=purchase.currency,
            state=state,
            livemode=False,
            method="card",
            brand=brand,
            last4=f"{first}{self.random.randrange(1000):03d}",
            fingerprint=f"{self.random.getrandbits(64):016x}",
            made_at=purchase.created_at,
            paid_at=at if state == Payment.State.PAID else None,
            reported_at=at,
            created_at=at,
        )
        self._add(payment)
        return payment

    def _refund(self, payment: Payment, minor: int, at: datetime.datetime) -> Refund:
        number = self.uuid()
        return Refund(
            id=number,
            payment=payment,
            amount_minor=minor,
            counted_minor=minor,
            currency=payment.currency,
            status=Refund.Status.SUCCEEDED,
            reason=self.random.choice(Refund.Reason.values),
            note="Sample data",
            policy=self.random.choices((Refund.Policy.CAP, Refund.Policy.DEBT), (3, 1))[0],
            origin=Refund.Origin.ADMIN,
            stripe_refund_id=f"re_seed_{number.hex}",
            made_at=at,
            created_at=at,
            settled_at=at + MINUTE,
            mailed_at=at + MINUTE,
        )

    def _dispute(self, payment: Payment, at: datetime.datetime) -> Dispute:
        number, status = self.uuid(), Dispute.Status.LOST
        if self.now - at < UNDECIDED:
            status = self.random.choice((Dispute.Status.NEEDS_RESPONSE, Dispute.Status.UNDER_REVIEW))
        decided = status == Dispute.Status.LOST
        return Dispute(
            id=number,
            payment=payment,
            amount_minor=payment.amount_minor,
            counted_minor=payment.amount_minor,
            currency=payment.currency,
            status=status,
            policy=Clawback.Policy.DEBT if decided else Clawback.Policy.CAP,
            reason=self.random.choice(("fraudulent", "product_not_received", "duplicate", "general")),
            due_by=(at if decided else self.now) + self.random.randrange(1, 15) * DAY,
            stripe_dispute_id=f"dp_seed_{number.hex}",
            made_at=at,
            created_at=at,
            closed_at=at + 45 * DAY if decided else None,
            staff_told_at=at,
        )
