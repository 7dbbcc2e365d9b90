"""Update a payment's row from Stripe's reports, in one statement.

An older report never undoes a newer one, and a paid payment stays paid. `billing.checkout.fulfilment` decides which
payment credits a purchase.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

from billing.errors import PaymentOfAnother
from billing.provider.objects import PaymentMethod
from billing.purchases.models import Payment, Purchase
from billing.purchases.payment_reports import PaymentReport
from core.database.locks import require_transaction, take_turns

# Paid stays paid; else the newer report wins. One that only says how it was paid ("open") leaves the state alone.
IS_NEWS = """
p.state <> 'paid' AND (excluded.state = 'paid' OR excluded.state <> 'open' AND excluded.reported_at >= p.reported_at)
"""
# A paying charge replaces a declined card's, never the other way round.
TELLS_HOW = "excluded.stripe_charge_id <> '' AND (excluded.state <> 'failed' OR p.stripe_charge_id = '')"
STATE = ("state", "amount_minor", "tax_minor", "currency")
METHOD = ("stripe_charge_id", "method", "brand", "last4", "fingerprint", "wallet", "bank")


def _where(condition: str, columns: tuple[str, ...]) -> str:
    return "".join(
        f"{name} = CASE WHEN {condition} THEN excluded.{name} ELSE p.{name} END, " for name in columns
    )


KEEP = f"""
INSERT INTO purchases_payment AS p (
    id, purchase_id, lot_id, stripe_payment_intent_id, stripe_charge_id, amount_minor, tax_minor, currency, state,
    livemode, attention, detail, method, brand, last4, fingerprint, wallet, bank, made_at, paid_at, reported_at
) VALUES (
    %(id)s, %(purchase)s, %(lot)s, %(intent)s, %(charge)s, %(amount)s, %(tax)s, %(currency)s, %(state)s,
    %(livemode)s, %(attention)s, %(detail)s, %(method)s, %(brand)s, %(last4)s, %(fingerprint)s, %(wallet)s, %(bank)s,
    %(made_at)s, %(paid_at)s, %(reported_at)s
)
ON CONFLICT (stripe_payment_intent_id) DO UPDATE SET
    {_where(IS_NEWS, STATE)} {_where(TELLS_HOW, METHOD)}
    {_where("coalesce(p.lot_id, excluded.lot_id) IS NOT NULL OR excluded.attention <> ''", ("attention", "detail"))}
    lot_id = coalesce(p.lot_id, excluded.lot_id),
    made_at = coalesce(p.made_at, excluded.made_at),
    paid_at = coalesce(p.paid_at, excluded.paid_at),
    reported_at = greatest(p.reported_at, excluded.reported_at)
WHERE p.purchase_id = excluded.purchase_id
RETURNING p.*, p.xmax <> 0 AS was_known
"""  # noqa: S608 - of our own constants alone


def keep_payment(
    purchase: Purchase,
    report: PaymentReport,
    *,
    lot_id: int | None = None,
    attention: str = "",
    detail: str = "",
) -> Payment | None:
    """Update or create the row of a locked purchase's payment and return it; None if there is nothing to pay.

    ``lot_id`` are the credits of an accepted payment, ``attention`` is why it wasn't accepted. The returned row's
    ``was_known`` says whether it existed before.

    Raises:
        PaymentOfAnother: the payment belongs to another purchase.
    """
    require_transaction()
    if not report.payment_intent_id or report.state is None or report.amount_minor <= 0:
        return None
    facts = _facts(purchase, report) | {"lot": lot_id, "attention": attention, "detail": detail[:300]}
    kept = next(iter(Payment.objects.raw(KEEP, facts)), None)
    if kept is None:
        raise PaymentOfAnother("This payment is another purchase’s.", payment=report.payment_intent_id)
    kept.purchase = purchase
    return kept


def take_turn(payment_ref: str | None) -> None:
    """Serialize reports on this payment and its reversals until the transaction ends. Call it before any row lock."""
    if payment_ref:
        take_turns(payment_ref)


def _facts(purchase: Purchase, report: PaymentReport) -> dict[str, Any]:
    charge = report.charge
    method = charge.method if charge else PaymentMethod()
    if purchase.user is None or purchase.user.erased_at is not None:
        method = replace(method, last4="", fingerprint="", bank="")  # an erased user's stay erased
    return {
        "id": uuid.uuid4(),
        "purchase": purchase.pk,
        "intent": report.payment_intent_id,
        "charge": charge.id if charge else "",
        "amount": report.amount_minor,
        "tax": report.tax_minor,
        "currency": report.currency,
        "state": report.state,
        "livemode": report.livemode,
        "method": method.type,
        "brand": method.brand,
        "last4": method.last4,
        "fingerprint": method.fingerprint,
        "wallet": method.wallet,
        "bank": method.bank,
        "made_at": report.made_at,
        "paid_at": report.paid_at,
        "reported_at": report.at,
    }
