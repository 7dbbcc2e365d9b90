"""Payments that came for a purchase and were not credited."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from billing.models.purchases import Purchase
from billing.money import Money
from config.guards import never_deleted


class UncreditedPayment(models.Model):
    """A payment that stood at Stripe for a purchase when it was reported, and was not credited: one that was held back,
    or a second one. ``attention`` says why, ``amount_minor`` and ``currency`` are what was paid.

    Whether its money is still with the seller is not kept here: its refunds and disputes tell (see
    `billing.uncredited_payments`).
    """

    purchase = models.ForeignKey(
        Purchase, verbose_name=_("purchase"), on_delete=models.PROTECT, related_name="uncredited_payments"
    )
    stripe_payment_intent_id = models.CharField(_("Stripe payment"), max_length=255, unique=True)
    amount_minor = models.BigIntegerField(_("amount in minor units"))
    currency = models.CharField(_("currency"), max_length=3)
    attention = models.CharField(
        _("why it was not credited"), max_length=20, choices=Purchase.Attention.choices
    )
    detail = models.CharField(_("what is wrong"), max_length=300)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("payment that was not credited")
        verbose_name_plural = _("payments that were not credited")
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="billing_uncredited_amount_positive")
        ]
        triggers = never_deleted()

    def __str__(self) -> str:
        return f"{self.amount} · {self.stripe_payment_intent_id}"

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)
