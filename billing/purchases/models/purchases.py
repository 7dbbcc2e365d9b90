"""Store purchases."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.customers.models import Consent, SavedMethod
from billing.money import Money
from billing.packages.models import Package
from billing.purchases.models.attention import Attention
from billing.purchases.models.changes import notes_changes
from billing.purchases.models.totals import PAID_IN_FULL, TOTALS_ARE_EXPLAINED, CheckoutTotals
from core.database.guards import never_deleted
from credits.formatting import credits_amount
from credits.ledger.models import Account

if TYPE_CHECKING:
    from billing.purchases.models.payments import Payment
    from credits.ledger.models import Lot

CREDITED_STATUSES = ["completed", "partially_refunded", "refunded", "disputed"]


class Purchase(CheckoutTotals):
    """One buyer's purchase of one package.

    The package's name, credits and price are copied, so that editing or deleting it never changes a purchase.
    ``attention`` is set when money and purchase don't match and staff must act.
    """

    class Status(models.TextChoices):
        PENDING = "pending", _("Pending")
        PROCESSING = "processing", _("Processing")
        COMPLETED = "completed", _("Completed")
        FAILED = "failed", _("Failed")
        EXPIRED = "expired", _("Expired")
        PARTIALLY_REFUNDED = "partially_refunded", _("Partially refunded")
        REFUNDED = "refunded", _("Refunded")
        DISPUTED = "disputed", _("Disputed")

    # Paid and credited, whatever happened to the money later. Exactly these have a `completed_at`.
    CREDITED = (Status.COMPLETED, Status.PARTIALLY_REFUNDED, Status.REFUNDED, Status.DISPUTED)

    # Failure codes of purchases never credited: the payment was refunded, or nothing was ever paid.
    PAYMENT_REFUNDED = "payment_given_back"
    NOTHING_PAID = "nothing_paid"

    Attention = Attention

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("buyer"),
        on_delete=models.SET_NULL,
        null=True,
        related_name="purchases",
    )
    account = models.ForeignKey(
        Account, verbose_name=_("account"), on_delete=models.PROTECT, related_name="purchases"
    )
    package = models.ForeignKey(
        Package, verbose_name=_("package"), on_delete=models.SET_NULL, null=True, related_name="purchases"
    )
    package_code = models.CharField(_("package code"), max_length=50)
    package_name = models.CharField(_("package name"), max_length=100)
    credits = models.DecimalField(_("credits"), max_digits=18, decimal_places=2)
    price_minor = models.BigIntegerField(_("price in minor units"))
    list_price_minor = models.BigIntegerField(_("list price in minor units"))
    currency = models.CharField(_("currency"), max_length=3)
    discount_percentage = models.DecimalField(_("discount (%)"), max_digits=5, decimal_places=2)
    validity_days = models.PositiveIntegerField(_("validity in days"), null=True)
    # Promotional credits on top of ``credits``, which the price buys: so what a credit costs ignores them.
    bonus_credits = models.DecimalField(
        _("bonus credits"), max_digits=18, decimal_places=2, default=0, db_default=0
    )
    bonus_validity_days = models.PositiveIntegerField(_("validity of the bonus in days"), null=True)
    quantity = models.PositiveSmallIntegerField(_("quantity"), default=1, db_default=1)
    # What a sale, a multi-buy and a code took off the regular price. Names and codes as they were then.
    sale_name = models.CharField(_("sale"), max_length=100, blank=True, default="", db_default="")
    sale_minor = models.BigIntegerField(_("sale’s discount in minor units"), default=0, db_default=0)
    multi_buy_name = models.CharField(_("multi-buy"), max_length=100, blank=True, default="", db_default="")
    multi_buy_minor = models.BigIntegerField(
        _("multi-buy’s discount in minor units"), default=0, db_default=0
    )
    discount_code = models.CharField(_("discount code"), max_length=40, blank=True, default="", db_default="")
    code_minor = models.BigIntegerField(_("code’s discount in minor units"), default=0, db_default=0)

    status = models.CharField(_("status"), max_length=20, choices=Status.choices, default=Status.PENDING)
    attention = models.CharField(
        _("needs attention"), max_length=20, choices=Attention.choices, blank=True, default=Attention.NONE
    )
    attention_detail = models.CharField(_("details"), max_length=300, blank=True)
    failure_code = models.CharField(_("failure"), max_length=100, blank=True)
    paid_minor = models.BigIntegerField(_("paid in minor units"), null=True)

    # Sum of refunds in effect. The lot's clawbacks record what happened to the credits.
    refunded_minor = models.BigIntegerField(_("refunded in minor units"), default=0, db_default=0)

    idempotency_key = models.CharField(_("idempotency key"), max_length=255, null=True)
    request_fingerprint = models.CharField(max_length=64, blank=True)
    stripe_session_id = models.CharField(_("Stripe session"), max_length=255, unique=True, null=True)
    stripe_customer_id = models.CharField(_("Stripe customer"), max_length=255, blank=True)
    checkout_url = models.TextField(_("checkout URL"), blank=True)
    # Set if an invoice of a subscription was paid instead; its credits expire with the period.
    stripe_invoice_id = models.CharField(
        _("Stripe invoice"), max_length=255, blank=True, default="", db_default=""
    )
    credits_expire_at = models.DateTimeField(_("credits expire"), null=True)
    # Above 1, its credits come in as many lots: see `ScheduledGrant`.
    grants_count = models.PositiveSmallIntegerField(_("number of grants"), default=1, db_default=1)
    # Set if a saved card was charged instead of a checkout opened: the card, and the consent to charge it.
    charged_method = models.ForeignKey(
        SavedMethod, verbose_name=_("charged card"), on_delete=models.PROTECT, null=True, related_name="+"
    )
    consent = models.ForeignKey(
        Consent, verbose_name=_("consent"), on_delete=models.PROTECT, null=True, related_name="+"
    )
    once_per_buyer = models.BooleanField(_("once per buyer"), default=False, db_default=False)
    invoiced_by_stripe = models.BooleanField(_("invoiced by Stripe"), default=False, db_default=False)

    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    asked_stripe_at = models.DateTimeField(_("last checked for buyer"), null=True, editable=False)
    completed_at = models.DateTimeField(_("completed"), null=True)
    confirmation_sent_at = models.DateTimeField(_("confirmation sent"), null=True)
    failure_mailed_at = models.DateTimeField(_("failure email sent"), null=True)

    class Meta:
        verbose_name = _("purchase")
        verbose_name_plural = _("purchases")
        permissions = [
            ("rerun_fulfilment", _("Can re-check payments")),
            ("download_sales", _("Can download purchases and refunds")),
        ]
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "idempotency_key"], name="purchase_one_per_idempotency_key"
            ),
            models.UniqueConstraint(
                fields=["user", "package_code"],
                condition=Q(once_per_buyer=True),
                name="purchase_once_per_person",
            ),
            models.UniqueConstraint(
                fields=["account", "package_code"],
                condition=Q(once_per_buyer=True),
                name="purchase_once_per_account",
            ),
            models.CheckConstraint(
                condition=Q(charged_method=None, consent=None)
                | Q(charged_method__isnull=False, consent__isnull=False),
                name="purchase_charges_with_consent",
            ),
            models.UniqueConstraint(
                fields=["stripe_invoice_id"],
                condition=~Q(stripe_invoice_id=""),
                name="purchase_one_per_invoice",
            ),
            models.CheckConstraint(condition=Q(credits__gt=0), name="purchase_credits_positive"),
            models.CheckConstraint(
                condition=Q(bonus_credits=0, bonus_validity_days__isnull=True)
                | Q(bonus_credits__gt=0, grants_count__gt=1),
                name="purchase_bonus_is_a_grant",
            ),
            models.CheckConstraint(
                condition=Q(quantity__gt=0)
                & (Q(sale_name="", sale_minor=0) | ~Q(sale_name="") & Q(sale_minor__gt=0))
                & (Q(multi_buy_name="", multi_buy_minor=0) | ~Q(multi_buy_name="") & Q(multi_buy_minor__gt=0))
                & (Q(discount_code="", code_minor=0) | ~Q(discount_code="") & Q(code_minor__gt=0)),
                name="purchase_says_what_lowered_its_price",
            ),
            models.CheckConstraint(condition=Q(price_minor__gte=0), name="purchase_price_not_negative"),
            models.CheckConstraint(
                condition=Q(status__in=CREDITED_STATUSES, completed_at__isnull=False)
                | (~Q(status__in=CREDITED_STATUSES) & Q(completed_at__isnull=True)),
                name="purchase_completed_has_its_time",
            ),
            PAID_IN_FULL,
            TOTALS_ARE_EXPLAINED,
            models.CheckConstraint(
                condition=Q(refunded_minor=0)
                | Q(paid_minor__isnull=False, refunded_minor__gt=0, refunded_minor__lte=F("paid_minor")),
                name="purchase_never_refunds_more_than_was_paid",
            ),
        ]
        indexes = [
            models.Index(fields=["user", "-created_at", "-id"], name="purchase_history"),
            models.Index(fields=["-created_at", "-id"], name="purchase_newest"),
            # Matches each event that names a customer.
            models.Index(
                fields=["stripe_customer_id"],
                condition=~Q(stripe_customer_id=""),
                name="purchase_of_customer",
            ),
            # For the sweeper: a handful of rows, whatever the table's size.
            models.Index(
                fields=["created_at"],
                condition=Q(status__in=["pending", "processing"]),
                name="purchase_open",
            ),
            models.Index(fields=["created_at"], condition=~Q(attention=""), name="purchase_attention"),
            # The admin list's most used filters.
            models.Index(fields=["status", "-created_at", "-id"], name="purchase_by_status"),
            models.Index(fields=["package_code", "-created_at", "-id"], name="purchase_by_package"),
        ]
        triggers = [
            notes_changes("status", "created_at"),
            *never_deleted(),
        ]

    def __str__(self) -> str:
        return f"{self.package_name} · {self.price}"

    @property
    def price(self) -> Money:
        return Money(self.price_minor, self.currency)

    @property
    def regular_price(self) -> Money:
        """Return the price before what a sale, a multi-buy and a code took off."""
        return Money(self.price_minor + self.reduction.minor, self.currency)

    @property
    def reduction(self) -> Money:
        """Return what a sale, a multi-buy and a code took off."""
        return Money(self.sale_minor + self.multi_buy_minor + self.code_minor, self.currency)

    @property
    def list_price(self) -> Money:
        return Money(self.list_price_minor, self.currency)

    @property
    def is_credited(self) -> bool:
        return self.status in self.CREDITED

    @property
    def paid(self) -> Money:
        """Return the amount paid; zero until then."""
        return Money(self.paid_minor or 0, self.currency)

    @property
    def refunded(self) -> Money:
        return Money(self.refunded_minor, self.currency)

    @property
    def payment(self) -> Payment | None:
        """Return the accepted payment, else the newest one. Uses prefetched payments."""
        payments = sorted(self.payments.all(), key=lambda each: (each.is_accepted, each.created_at))
        return payments[-1] if payments else None

    @property
    def accepted_payment(self) -> Payment | None:
        return next((each for each in self.payments.all() if each.is_accepted), None)

    @property
    def lots(self) -> list[Lot]:
        """Return the lots that its accepted payment has brought so far, in order. Uses prefetched ones."""
        accepted = self.accepted_payment
        if accepted is None or accepted.lot is None:
            return []
        if not self.has_schedule:
            return [accepted.lot]
        return [each.lot for each in self.scheduled_grants.all() if each.lot is not None]

    @property
    def stripe_payment_intent_id(self) -> str | None:
        """Return Stripe's id of `payment`."""
        payment = self.payment
        return payment.stripe_payment_intent_id if payment else None

    @property
    def payment_was_refunded(self) -> bool:
        """Return whether the purchase was paid, never credited, and refunded."""
        return self.failure_code == self.PAYMENT_REFUNDED

    @property
    def payment_status(self) -> str:
        """Return the payment status in Stripe's terms for a checkout session."""
        if not self.is_credited and not self.attention:
            return "unpaid"
        return "paid" if self.amount_total else "no_payment_required"

    @property
    def amount_total(self) -> int:
        """Return the amount paid, in minor units; until then, the price."""
        return self.price_minor if self.paid_minor is None else self.paid_minor

    @property
    def amount(self) -> Money:
        """Return the amount paid; until then, the price."""
        return Money(self.amount_total, self.currency)

    @property
    def is_open(self) -> bool:
        return self.status in {self.Status.PENDING, self.Status.PROCESSING}

    @property
    def bypassed_stripe(self) -> bool:
        """Return whether the purchase was free and completed without Stripe."""
        is_free = self.is_credited and not self.price_minor
        return is_free and self.stripe_session_id is None and not self.stripe_invoice_id

    @property
    def session_reference(self) -> str | None:
        """Return the id buyers look the purchase up by: Stripe's session id, or its own without a session."""
        has_no_session = self.bypassed_stripe or self.charges_card or self.stripe_invoice_id
        return str(self.pk) if has_no_session else self.stripe_session_id

    @property
    def charges_card(self) -> bool:
        """Return whether a saved card is charged; there is no checkout then."""
        return self.charged_method_id is not None

    @property
    def has_receipt(self) -> bool:
        """Return whether the buyer gets our receipt or Stripe's invoice. Free purchases have neither."""
        return self.is_credited and bool(self.paid_minor)

    @property
    def has_own_receipt(self) -> bool:
        return self.has_receipt and not self.invoiced_by_stripe

    @property
    def grant_key(self) -> str:
        """Return the ledger's business key of the grant: one purchase, one grant."""
        return f"purchase:{self.pk}"

    @property
    def has_schedule(self) -> bool:
        return self.grants_count > 1

    @property
    def credits_in_words(self) -> str:
        """Say what is bought: “1,000 credits and 200 bonus credits”."""
        values = {"credits": credits_amount(self.credits), "bonus": credits_amount(self.bonus_credits)}
        if self.bonus_credits:
            return gettext("%(credits)s credits and %(bonus)s bonus credits") % values
        return gettext("%(credits)s credits") % values

    @property
    def credits_arrived(self) -> Decimal:
        """Return how many of the credits bought have come of a purchase that is credited; a bonus comes at once."""
        if not self.has_schedule:
            return self.credits
        bought = (each for each in self.scheduled_grants.all() if not each.is_bonus)
        return sum((each.credits for each in bought if each.lot_id), Decimal(0))

    @property
    def entry_metadata(self) -> dict[str, str]:
        """Return the metadata of this purchase's ledger entries; statements show the description."""
        return {"package": self.package_code, "description": self.package_name}
