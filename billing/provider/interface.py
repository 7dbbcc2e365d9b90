"""What billing asks of a payment provider.

Every call may raise `StripeUnavailable` (no answer) or `StripeRefused`, and none may be made inside a transaction. A
call that creates something has an idempotency key made from our row's id, so that a retry returns the first result.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from billing.provider.objects import (
    BalanceMovement,
    Charge,
    CheckoutSession,
    Invoice,
    ListedInvoice,
    PaymentIntent,
    ProviderCustomer,
    ProviderDispute,
    ProviderEvent,
    ProviderInvoice,
    ProviderMethod,
    ProviderRefund,
    ProviderSubscription,
    SetUpCard,
    SubscriptionRef,
    TotalsExplained,
)

T = TypeVar("T")


@dataclass(frozen=True)
class CheckoutLine:
    """One of several packages of a purchase, as the page lists it. Without a product it is listed by its name."""

    name: str
    product_id: str
    unit_minor: int
    quantity: int


@dataclass(frozen=True)
class CheckoutRequest:
    """The details of a checkout to open. ``bought`` is shown beside the button and on an invoice. An empty
    ``price_id`` sends the amount with the call; ``with_invoice`` has an invoice issued once paid; ``with_cards`` offers
    the customer's saved cards, and to save another; ``package_id`` is set if the older client asked by it. ``lines``
    list several packages; their prices add up to ``price_minor``.
    ``tax_behavior`` says whether tax is in the price or on top; empty: there is none. ``with_promotion_codes`` lets the
    customer enter the provider's own codes.
    """

    purchase_id: str
    user_id: str
    package_code: str
    package_id: str
    package_name: str
    credits: str
    bought: str
    price_id: str
    product_id: str
    price_minor: int
    currency: str
    customer_id: str
    success_url: str
    cancel_url: str
    expires_at: datetime.datetime
    with_invoice: bool
    with_cards: bool
    lines: tuple[CheckoutLine, ...] = ()
    tax_behavior: str = ""
    with_promotion_codes: bool = False


@dataclass(frozen=True)
class CustomerRequest:
    """A customer to create or update; an address that the provider refuses is left out. The same ``key`` always gets
    the same customer.
    """

    key: str
    account_id: str
    user_id: str
    name: str
    email: str


@dataclass(frozen=True)
class CardRequest:
    """A page to open on which a customer adds a card without paying."""

    consent_id: str
    customer_id: str
    user_id: str
    success_url: str
    cancel_url: str


@dataclass(frozen=True)
class SubscriptionRequest:
    """A checkout to open for a subscription; ``with_tax_details`` asks for what an invoice should carry, ``with_tax``
    has the provider tax it and its invoices.
    """

    subscription_id: str
    user_id: str
    customer_id: str
    price_id: str
    plan_code: str
    trial_days: int
    success_url: str
    cancel_url: str
    expires_at: datetime.datetime
    with_tax_details: bool
    with_tax: bool = False


@dataclass(frozen=True)
class ChargeRequest:
    """A charge of a saved payment method, under a consent. With ``return_url`` the customer is there, and sent on to
    it from their bank; empty: they are not.
    """

    key: str
    consent_id: str
    customer_id: str
    method_id: str
    method_type: str
    amount_minor: int
    currency: str
    description: str
    metadata: Mapping[str, str]
    return_url: str


@dataclass(frozen=True)
class RefundRequest:
    """A refund to make; ``amount_minor`` is in the payment currency's minor units."""

    refund_id: str
    payment_intent_id: str
    amount_minor: int
    reason: str


@dataclass(frozen=True)
class ListPage(Generic[T]):
    """A page of a list, newest first. ``last_id`` is the cursor of the next page, empty on the last; ``unreadable``
    maps the ids of objects that can't be read to the reason.
    """

    items: list[T]
    last_id: str
    unreadable: dict[str, str] = field(default_factory=dict)


class Provider(Protocol):
    """A payment provider; a module can be one."""

    def require_own_account(self) -> None:
        """Require a key of the data's account and mode. Raises `WrongStripeAccount`."""

    def place(self, wait_s: float = ...) -> AbstractContextManager[None]:
        """Hold one of the web's places for calls, which any number of calls made inside share. Raises `StripeBusy`."""

    # Checkout

    def create_checkout_session(self, request: CheckoutRequest) -> CheckoutSession:
        """Open the hosted page for a purchase; the same purchase always gets the same session. Raises
        `CustomerNotFound`.
        """

    def retrieve_session(self, session_id: str, *, hurried: bool = False) -> CheckoutSession:
        """Return the session's state, with its payment and charge; ``hurried`` for a user who waits. Raises
        `SessionNotFound`.
        """

    def expire_session(self, session_id: str) -> CheckoutSession:
        """Expire an open session, so that it can't be paid. Raises `StripeRefused` if it isn't open."""

    def explain_totals(self, session_id: str, *, with_code: bool) -> TotalsExplained:
        """Return why a paid session has no tax, and the promotion code entered. Raises `SessionNotFound`."""

    def invoice_of_session(self, session_id: str) -> Invoice | None:
        """Return the invoice of a paid session opened with one; None until it exists."""

    def list_sessions(self, start: datetime.datetime, end: datetime.datetime) -> Iterator[CheckoutSession]:
        """Yield every session created in the period, newest first."""

    # Customers and their payment methods

    def create_customer(self, request: CustomerRequest) -> ProviderCustomer:
        """Create a customer; the same key always gets the same one."""

    def update_customer(self, customer_id: str, request: CustomerRequest) -> ProviderCustomer:
        """Update name and email address. Raises `CustomerNotFound`."""

    def delete_customer(self, customer_id: str) -> None:
        """Delete a customer and all saved payment methods, permanently; nothing happens if that was done."""

    def list_methods(self, customer_id: str) -> Iterator[ProviderMethod]:
        """Yield a customer's saved payment methods, newest first. Raises `CustomerNotFound`."""

    def detach_method(self, method_id: str) -> None:
        """Remove a saved payment method, which then can't be charged again; nothing happens if that was done."""

    def set_default_method(self, customer_id: str, method_id: str) -> ProviderCustomer:
        """Make a saved payment method the default. Raises `CustomerNotFound`."""

    def open_card_page(self, request: CardRequest) -> str:
        """Return the URL of a page on which the customer adds a card. Raises `CustomerNotFound`."""

    def open_portal(self, customer_id: str, return_url: str) -> str:
        """Return the URL of the provider's own page for a customer, valid for minutes. Raises
        `CustomerNotFound`, `PortalNotSetUp`.
        """

    # Payments and refunds

    def charge_method(self, request: ChargeRequest) -> PaymentIntent:
        """Charge a saved payment method; the same key always gets the same payment. A declined card is no error: the
        payment says so. Only `billing.customers.charging` may call this. Raises `CustomerNotFound`.
        """

    def retrieve_payment(self, payment_intent_id: str) -> PaymentIntent:
        """Return a payment with its latest charge. Raises `PaymentNotFound`."""

    def cancel_payment(self, payment_intent_id: str) -> PaymentIntent:
        """Cancel a payment that waits for its customer, so that it can't be paid. Raises `StripeRefused` if it isn't
        waiting.
        """

    def payments_of_customer(
        self, customer_id: str, start: datetime.datetime, end: datetime.datetime
    ) -> Iterator[PaymentIntent]:
        """Yield a customer's payments begun in the period, newest first. Raises `CustomerNotFound`."""

    def charge_of_payment(self, payment_intent_id: str) -> Charge | None:
        """Return a payment's latest charge, which has the payment method; None if there is none."""

    def create_refund(self, request: RefundRequest) -> ProviderRefund:
        """Create a refund; the same refund here always gets the same one there. If there is no answer, it may have
        happened, and asking again tells.
        """

    def list_refunds(self, payment_intent_id: str) -> Iterator[ProviderRefund]:
        """Yield every refund of a payment, whoever made it."""

    # Subscriptions

    def create_subscription_session(self, request: SubscriptionRequest) -> CheckoutSession:
        """Open the hosted page for a subscription; the same subscription always gets the same session. Raises
        `CustomerNotFound`.
        """

    def retrieve_subscription(self, subscription_id: str) -> ProviderSubscription:
        """Return a subscription's state. Raises `SubscriptionNotFound`."""

    def invoices_of_subscription(self, subscription_id: str) -> Iterator[ProviderInvoice]:
        """Yield a subscription's invoices, newest first."""

    def retrieve_invoice(self, invoice_id: str) -> Invoice:
        """Return an invoice."""

    def retrieve_listed_invoice(self, invoice_id: str) -> ListedInvoice:
        """Return an invoice as the list has it. Raises `InvoiceNotFound`."""

    def change_price(
        self, subscription_id: str, item_id: str, price_id: str, *, at_once: bool
    ) -> ProviderSubscription:
        """Move a subscription to another price: at once, with the difference charged for the rest of the period, or
        unchanged until the next period. Raises `PaymentDeclined`; nothing was changed then.
        """

    def set_ending(self, subscription_id: str, *, ends: bool) -> ProviderSubscription:
        """Let a subscription end with its period, or go on."""

    def charge_subscription_to(self, subscription_id: str, method_id: str) -> None:
        """Have a subscription's next invoices charged to this payment method of its customer."""

    def end_subscription(self, subscription_id: str) -> ProviderSubscription:
        """End a subscription now. Raises `StripeRefused` if it has ended."""

    # Reconciliation: the page of a period's objects that follows ``after``; if empty, the first

    def sessions_page(
        self, start: datetime.datetime, end: datetime.datetime, after: str
    ) -> ListPage[CheckoutSession]: ...

    def payments_page(
        self, start: datetime.datetime, end: datetime.datetime, after: str
    ) -> ListPage[PaymentIntent]:
        """Return a page of payments begun in the period, however they were begun, each with its latest charge."""

    def invoices_page(
        self, start: datetime.datetime, end: datetime.datetime, after: str
    ) -> ListPage[ListedInvoice]: ...

    def subscriptions_page(self, after: str) -> ListPage[ProviderSubscription]:
        """Return a page of those that haven't ended, of any time."""

    def refunds_page(
        self, start: datetime.datetime, end: datetime.datetime, after: str
    ) -> ListPage[ProviderRefund]: ...

    def disputes_page(
        self, start: datetime.datetime, end: datetime.datetime, after: str
    ) -> ListPage[ProviderDispute]: ...

    def movements_page(
        self, start: datetime.datetime, end: datetime.datetime, after: str
    ) -> ListPage[BalanceMovement]: ...

    # Events

    def is_listed_sender(self, address: str) -> bool:
        """Return whether the provider lists the address as one that it sends events from."""

    def is_signature(self, signature: str) -> bool:
        """Return whether this has a signature's form. Whose it is, `verify_event` says."""

    def verify_event(self, payload: bytes, signature: str) -> ProviderEvent:
        """Return a delivered event, once its signature is verified. Raises `WebhookRefused`, `UnreadableEvent`."""

    def read_event(self, payload: Any) -> ProviderEvent:
        """Read a stored event. Raises `MalformedStripeObject`, as do the readers of its subject."""

    def session_of(self, event: ProviderEvent) -> CheckoutSession: ...

    def intent_of(self, event: ProviderEvent) -> PaymentIntent: ...

    def charge_of(self, event: ProviderEvent) -> Charge: ...

    def refund_of(self, event: ProviderEvent) -> ProviderRefund: ...

    def dispute_of(self, event: ProviderEvent) -> ProviderDispute: ...

    def customer_of(self, event: ProviderEvent) -> ProviderCustomer: ...

    def method_of(self, event: ProviderEvent) -> ProviderMethod: ...

    def set_up_card_of(self, event: ProviderEvent) -> SetUpCard: ...

    def subscription_of(self, event: ProviderEvent) -> SubscriptionRef: ...

    def why_not_ours(self, event: ProviderEvent) -> str:
        """Return why an event isn't of our account and mode; empty if it is."""

    def is_mirrored(self, event_type: str) -> bool:
        """Return whether a job copies the objects of such events for staff."""

    def masked(self, payload: Any) -> Any:
        """Return the same JSON with personal data masked."""
