"""Store payments at Stripe, one row per payment intent."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from billing.money import Money
from billing.purchases.models.attention import Attention
from billing.purchases.models.changes import notes_changes
from core.database.guards import keeps, never_deleted
from credits.ledger.models import Lot


class Payment(models.Model):
    """A payment of a purchase at Stripe, from its first attempt on. ``amount_minor`` is in minor units.

    A purchase may have several: one declined, one accepted, one paid twice. Only the accepted one has a ``lot``, the
    credits it bought, and only its refunds and disputes affect credits. A paid one without a lot is owed to the buyer;
    ``attention`` says why it was not accepted.

    Times are Stripe's: ``made_at`` the start, ``paid_at`` the success, ``reported_at`` the newest report;
    ``created_at`` is ours.
    """

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        PROCESSING = "processing", _("Processing")
        PAID = "paid", _("Paid")
        FAILED = "failed", _("Failed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    purchase = models.ForeignKey(
        "purchases.Purchase", verbose_name=_("purchase"), on_delete=models.PROTECT, related_name="payments"
    )
    lot = models.OneToOneField(
        Lot, verbose_name=_("credits"), on_delete=models.PROTECT, null=True, related_name="payment"
    )
    stripe_payment_intent_id = models.CharField(_("Stripe payment"), max_length=255, unique=True)
    stripe_charge_id = models.CharField(
        _("Stripe charge"), max_length=255, blank=True, db_default="", default=""
    )
    amount_minor = models.BigIntegerField(_("amount in minor units"))
    # Part of the amount. Only that of the accepted payment is known: it is the purchase's.
    tax_minor = models.BigIntegerField(_("tax in minor units"), default=0, db_default=0)
    currency = models.CharField(_("currency"), max_length=3)
    state = models.CharField(_("state"), max_length=10, choices=State.choices)
    livemode = models.BooleanField(_("live"))
    attention = models.CharField(
        _("not accepted because"),
        max_length=20,
        choices=Attention.choices,
        blank=True,
        default="",
    )
    detail = models.CharField(_("details"), max_length=300, blank=True, default="")

    # How it was paid, as far as Stripe reports: by card, perhaps in a wallet, or bank account.
    method = models.CharField(_("method"), max_length=50, blank=True, default="")
    brand = models.CharField(_("card brand"), max_length=50, blank=True, default="")
    last4 = models.CharField(_("last four digits"), max_length=4, blank=True, default="")
    fingerprint = models.CharField(_("fingerprint"), max_length=64, blank=True, default="")
    wallet = models.CharField(_("wallet"), max_length=50, blank=True, default="")
    bank = models.CharField(_("bank"), max_length=100, blank=True, default="")

    made_at = models.DateTimeField(_("started"), null=True)
    paid_at = models.DateTimeField(_("paid"), null=True)
    reported_at = models.DateTimeField(_("reported"))
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    # Set by `billing.purchases.payments.keep_payment`.
    was_known = False

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        ordering = ["created_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["purchase"], condition=Q(lot__isnull=False), name="payment_one_accepted"
            ),
            models.UniqueConstraint(
                fields=["stripe_charge_id"],
                condition=~Q(stripe_charge_id=""),
                name="payment_one_per_charge",
            ),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="payment_amount_positive"),
            models.CheckConstraint(
                condition=Q(state="paid", paid_at__isnull=False) | ~Q(state="paid") & Q(paid_at__isnull=True),
                name="payment_paid_has_its_time",
            ),
            models.CheckConstraint(
                condition=Q(lot__isnull=True) | Q(state="paid", attention=""),
                name="payment_accepted_is_paid",
            ),
        ]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="payment_newest"),
            # Sales by day.
            models.Index(fields=["paid_at"], condition=Q(lot__isnull=False), name="payment_sold"),
        ]
        triggers = [
            notes_changes("state lot_id paid_at stripe_charge_id", "paid_at"),
            keeps("purchase_id", "stripe_payment_intent_id", "created_at"),
            *never_deleted(),
        ]

    def __str__(self) -> str:
        return f"{self.amount} · {self.get_state_display()}"

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)

    @property
    def tax(self) -> Money:
        return Money(self.tax_minor, self.currency)

    @property
    def is_accepted(self) -> bool:
        """Return whether its credits are in the ledger."""
        return self.lot_id is not None

    @property
    def is_paid(self) -> bool:
        return self.state == self.State.PAID
