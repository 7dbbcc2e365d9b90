"""The facts that billing uses of a payment provider's objects, in the provider's words for states.

Amounts are in minor units. ``reference`` is our own row's id as the provider holds it; others may put anything there.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

Json = Mapping[str, Any]


class EventKind(Enum):
    """What an event is about, for the handlers to choose by."""

    CHECKOUT = auto()
    CHECKOUT_FAILED = auto()
    PAYMENT = auto()
    PAYMENT_DECLINED = auto()
    CHARGE = auto()
    CHARGE_REFUNDED = auto()
    REFUND = auto()
    DISPUTE = auto()
    CATALOG = auto()
    CUSTOMER = auto()
    CUSTOMER_DELETED = auto()
    METHOD = auto()
    METHOD_DETACHED = auto()
    CARD_SET_UP = auto()
    SUBSCRIPTION = auto()


@dataclass(frozen=True)
class ProviderEvent:
    """A verified event's envelope. ``kind`` is None if it is only stored; ``subject`` is the object it is about,
    ``payload`` the whole event; ``account`` is set only in other accounts' events; ``payment_ref`` is its payment
    intent, else its charge.
    """

    id: str
    type: str
    kind: EventKind | None
    created: datetime.datetime
    api_version: str
    livemode: bool
    account: str
    payment_ref: str
    subject: Json
    payload: Json


@dataclass(frozen=True)
class PaymentMethod:
    """How a payment was made: by card, perhaps in a wallet, or from a bank account. Unknown fields are empty."""

    type: str = ""
    brand: str = ""
    last4: str = ""
    fingerprint: str = ""
    wallet: str = ""
    bank: str = ""


@dataclass(frozen=True)
class ProviderCustomer:
    """A customer; ``default_method`` is the id of the payment method to charge by default, or empty."""

    id: str
    default_method: str


@dataclass(frozen=True)
class ProviderMethod:
    """A payment method; ``customer_id`` is empty if it isn't, or no longer, saved for one. ``is_for_reuse``: the
    customer agreed to be shown it, and charged with it, again.
    """

    id: str
    customer_id: str
    method: PaymentMethod
    exp_month: int | None
    exp_year: int | None
    is_for_reuse: bool
    created: datetime.datetime


@dataclass(frozen=True)
class SetUpCard:
    """A card that a customer has added without paying; ``reference`` is our consent's id."""

    customer_id: str
    method_id: str
    reference: str


@dataclass(frozen=True)
class Charge:
    """An attempt to charge. ``amount_refunded`` is the sum of its refunds so far."""

    id: str
    status: str
    payment_intent_id: str
    amount: int
    amount_refunded: int
    currency: str
    reference: str
    customer_id: str
    livemode: bool
    method: PaymentMethod
    created: datetime.datetime

    @property
    def is_refunded(self) -> bool:
        """Return whether all of it went back."""
        return self.amount_refunded >= self.amount


@dataclass(frozen=True)
class PaymentIntent:
    """A payment, from the first attempt to the last; ``charge`` is set only if expanded. While the customer has to
    confirm it with their bank, ``confirm_url`` leads there.
    """

    id: str
    status: str
    amount: int
    amount_received: int
    currency: str
    reference: str
    customer_id: str
    failure_code: str
    failure_message: str
    livemode: bool
    charge: Charge | None
    created: datetime.datetime
    confirm_url: str = ""


@dataclass(frozen=True)
class CheckoutSession:
    """A hosted checkout; one whose ``mode`` isn't "payment" sells nothing of ours. ``payment_intent_status``,
    ``payment_made`` (when the payment was begun) and ``charge`` are set only if expanded. ``amount_subtotal`` is before
    ``discount``, by a promotion code, and before ``tax`` on top.
    """

    id: str
    mode: str
    status: str
    payment_status: str
    amount_total: int | None
    currency: str
    url: str
    reference: str
    payment_intent_id: str | None
    payment_intent_status: str | None
    payment_made: datetime.datetime | None
    charge: Charge | None
    customer_id: str
    customer_email: str
    metadata: Json
    livemode: bool
    created: datetime.datetime
    subscription_id: str = ""
    amount_subtotal: int | None = None
    discount: int = 0
    tax: int = 0
    promotion_code: str = ""


@dataclass(frozen=True)
class TotalsExplained:
    """Why a checkout has no tax, in the provider's word, and the promotion code that was entered; else empty."""

    tax_reason: str = ""
    promotion_code: str = ""


@dataclass(frozen=True)
class SubscriptionRef:
    """The subscription that an event is about; ``reference`` is our own row's id."""

    subscription_id: str
    reference: str


@dataclass(frozen=True)
class ProviderSubscription:
    """A subscription to one price. ``is_ending``: it ends with its period, or at a date that is set."""

    id: str
    status: str
    reference: str
    item_id: str
    price_id: str
    period_start: datetime.datetime
    period_end: datetime.datetime
    is_ending: bool
    ended_at: datetime.datetime | None
    created: datetime.datetime


@dataclass(frozen=True)
class InvoiceLine:
    """A line of a subscription's invoice: a period of a price, or, as a proration, the rest of one, which is negative
    where it credits what ``credited_lines`` charged.
    """

    id: str
    amount: int
    price_id: str
    is_proration: bool
    period_start: datetime.datetime
    period_end: datetime.datetime
    credited_lines: tuple[str, ...]


@dataclass(frozen=True)
class ProviderInvoice:
    """An invoice of a subscription. ``payment_intent_id`` is that of its payment, empty until then or if there was
    nothing to pay; ``attempts`` counts those to collect it; ``hosted_url`` is where the customer pays it. ``tax`` is in
    ``total``, on top of the lines' amounts or in these; ``tax_reason`` is why it is so much, in the provider's word.
    """

    id: str
    status: str
    amount_due: int
    amount_paid: int
    currency: str
    hosted_url: str
    attempts: int
    payment_intent_id: str
    lines: tuple[InvoiceLine, ...]
    livemode: bool
    created: datetime.datetime
    total: int = 0
    tax: int = 0
    tax_behavior: str = ""
    tax_reason: str = ""


@dataclass(frozen=True)
class ListedInvoice:
    """An invoice as it is compared. ``paid`` is what its payments at the provider brought, so neither the customer's
    balance nor what was paid elsewhere; ``subscription`` names none if it is of none.
    """

    id: str
    status: str
    paid: int
    currency: str
    subscription: SubscriptionRef
    created: datetime.datetime


@dataclass(frozen=True)
class Invoice:
    """An invoice; ``pdf_url`` is empty until it is issued."""

    id: str
    pdf_url: str


@dataclass(frozen=True)
class Movement:
    """A movement of the seller's balance; negative if money left it."""

    id: str
    amount: int
    currency: str


@dataclass(frozen=True)
class BalanceMovement(Movement):
    """The same as the balance lists it; ``source`` is the id of what moved it, ``category`` the provider's."""

    source: str
    category: str
    created: datetime.datetime


@dataclass(frozen=True)
class ProviderRefund:
    """A refund; ``status`` may be empty; ``movements`` are set only if expanded."""

    id: str
    status: str
    amount: int
    currency: str
    reason: str
    failure_reason: str
    charge_id: str
    payment_intent_id: str
    reference: str
    movements: tuple[Movement, ...]
    created: datetime.datetime


@dataclass(frozen=True)
class ProviderDispute:
    """A dispute; ``due_by`` is the deadline to respond."""

    id: str
    status: str
    amount: int
    currency: str
    reason: str
    charge_id: str
    payment_intent_id: str
    due_by: datetime.datetime | None
    movements: tuple[Movement, ...]
    created: datetime.datetime
