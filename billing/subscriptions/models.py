"""Store subscriptions as Stripe reports them, what each was promised, and what its paid invoices granted."""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from billing.checkout.scheduled_grants import withdrawn
from billing.money import Money
from billing.plans.models import Interval, Plan, Rollover, recurring
from billing.purchases.models import Purchase, ScheduledGrant
from core.database.guards import append_only, keeps, never_deleted
from credits.ledger.models import Account


class Subscription(models.Model):
    """An account's subscription to a plan. At most one per account is alive, its open checkout included.

    ``status`` is Stripe's, but for the first two, which are before there is a subscription at Stripe. Stripe's newest
    state always replaces ours as a whole: ``asked_at`` is when it was asked for.
    """

    class Status(models.TextChoices):
        PENDING = "pending", _("Checkout open")
        EXPIRED = "expired", _("Not taken out")
        INCOMPLETE = "incomplete", _("First payment open")
        INCOMPLETE_EXPIRED = "incomplete_expired", _("Never paid")
        TRIALING = "trialing", _("Trial")
        ACTIVE = "active", _("Active")
        PAST_DUE = "past_due", _("Past due")
        UNPAID = "unpaid", _("Unpaid")
        PAUSED = "paused", _("Paused")
        CANCELED = "canceled", _("Canceled")

    ENDED = (Status.EXPIRED, Status.INCOMPLETE_EXPIRED, Status.CANCELED)
    RUNNING = (Status.ACTIVE, Status.TRIALING)
    OWING = (Status.PAST_DUE, Status.UNPAID, Status.INCOMPLETE)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(
        Account, verbose_name=_("account"), on_delete=models.PROTECT, related_name="subscriptions"
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("subscribed by"),
        on_delete=models.SET_NULL,
        null=True,
        related_name="subscriptions",
    )
    status = models.CharField(_("status"), max_length=20, choices=Status.choices, default=Status.PENDING)
    stripe_subscription_id = models.CharField(
        _("Stripe subscription"), max_length=255, unique=True, null=True
    )
    stripe_item_id = models.CharField(max_length=255, blank=True)
    # Of the current terms.
    stripe_price_id = models.CharField(_("Stripe price"), max_length=255)
    stripe_session_id = models.CharField(_("Stripe session"), max_length=255, unique=True, null=True)
    checkout_url = models.TextField(_("checkout URL"), blank=True)
    trial_days = models.PositiveSmallIntegerField(_("trial in days"), default=0)
    period_start = models.DateTimeField(_("period began"), null=True)
    period_end = models.DateTimeField(_("period ends"), null=True)
    cancel_at_period_end = models.BooleanField(_("ends with its period"), default=False)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    asked_at = models.DateTimeField(_("last checked"), null=True)
    ended_at = models.DateTimeField(_("ended"), null=True)

    class Meta:
        verbose_name = _("subscription")
        verbose_name_plural = _("subscriptions")
        permissions = [("cancel_subscription", _("Can cancel subscriptions"))]
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["account"],
                condition=~Q(status__in=["expired", "incomplete_expired", "canceled"]),
                name="subscription_one_alive",
            ),
        ]
        indexes = [models.Index(fields=["status", "asked_at"], name="subscription_by_status")]
        triggers = [keeps("account_id", "created_at"), *never_deleted()]

    def __str__(self) -> str:
        return f"{self.stripe_subscription_id or self.pk}"

    @property
    def terms(self) -> Terms:
        """Return the current terms. Uses prefetched terms."""
        return next(each for each in self.all_terms.all() if each.stripe_price_id == self.stripe_price_id)

    @property
    def is_alive(self) -> bool:
        return self.status not in self.ENDED

    @property
    def next_charge_at(self) -> datetime | None:
        """Return when the next period is charged; None if it ends instead."""
        goes_on = self.status in (*self.RUNNING, self.Status.PAST_DUE) and not self.cancel_at_period_end
        return self.period_end if goes_on else None

    @property
    def next_grant_at(self) -> datetime | None:
        """Return when the next credits come: those of a paid year, else with the next charge."""
        to_come = ScheduledGrant.objects.filter(purchase__invoice__subscription=self, lot=None)
        paid_for = to_come.filter(due_at__gt=Now(), purchase__status__in=["completed", "partially_refunded"])
        for each in paid_for.select_related("purchase").order_by("due_at"):
            if each.position not in withdrawn(each.purchase.accepted_payment):
                return each.due_at
        return self.next_charge_at

    @property
    def open_invoice(self) -> SubscriptionInvoice | None:
        """Return the newest invoice that waits for its payment."""
        return self.invoices.filter(status="open", attempted=True).order_by("-issued_at").first()


class Terms(models.Model):
    """What a subscription grants at one of its Stripe prices, copied from the plan: later edits don't change it."""

    subscription = models.ForeignKey(
        Subscription, verbose_name=_("subscription"), on_delete=models.PROTECT, related_name="all_terms"
    )
    stripe_price_id = models.CharField(_("Stripe price"), max_length=255)
    plan_code = models.CharField(_("plan code"), max_length=50)
    plan_name = models.CharField(_("plan name"), max_length=100)
    credits = models.DecimalField(_("credits per month"), max_digits=18, decimal_places=2)
    price_minor = models.BigIntegerField(_("price in minor units"))
    currency = models.CharField(_("currency"), max_length=3)
    interval = models.CharField(_("charged every"), max_length=5, choices=Interval.choices)
    rollover = models.CharField(_("rollover"), max_length=6, choices=Rollover.choices)
    rollover_months = models.PositiveSmallIntegerField(_("rollover in months"), null=True)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("terms of a subscription")
        verbose_name_plural = _("terms of subscriptions")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["subscription", "stripe_price_id"], name="terms_one_per_price"),
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return self.plan_name

    @classmethod
    def of_plan(cls, subscription: Subscription, plan: Plan) -> Terms:
        """Write down what the plan grants now, unless this subscription has terms at its price."""
        copied = ("credits", "price_minor", "currency", "interval", "rollover", "rollover_months")
        terms, _created = cls.objects.get_or_create(
            subscription=subscription,
            stripe_price_id=plan.current_price_id,
            defaults={
                "plan_code": plan.code,
                "plan_name": plan.name,
                **{name: getattr(plan, name) for name in copied},
            },
        )
        return terms

    @property
    def price(self) -> Money:
        return Money(self.price_minor, self.currency)

    @property
    def recurring_price(self) -> str:
        return recurring(self.price, self.interval)

    @property
    def period_credits(self) -> Decimal:
        """Return the credits of a whole period: what one charge pays for."""
        return self.credits * Interval(self.interval).months

    def share(self, amount_minor: int) -> Decimal:
        """Return the part of a period's credits that an amount is the price of."""
        return self.period_credits * amount_minor / self.price_minor


class SubscriptionInvoice(models.Model):
    """An invoice of a subscription, as Stripe last reported it. A paid one that grants credits has its purchase."""

    stripe_invoice_id = models.CharField(_("Stripe invoice"), max_length=255, unique=True)
    subscription = models.ForeignKey(
        Subscription, verbose_name=_("subscription"), on_delete=models.PROTECT, related_name="invoices"
    )
    purchase = models.OneToOneField(
        Purchase, verbose_name=_("purchase"), on_delete=models.PROTECT, null=True, related_name="invoice"
    )
    status = models.CharField(_("status"), max_length=20)
    amount_minor = models.BigIntegerField(_("amount in minor units"))
    currency = models.CharField(_("currency"), max_length=3)
    # Where the customer pays it, at Stripe.
    hosted_url = models.TextField(_("payment page"), blank=True)
    attempted = models.BooleanField(_("payment attempted"), default=False)
    issued_at = models.DateTimeField(_("issued"))
    failure_mailed_at = models.DateTimeField(_("failure email sent"), null=True)

    class Meta:
        verbose_name = _("invoice of a subscription")
        verbose_name_plural = _("invoices of subscriptions")
        ordering = ["-issued_at", "-pk"]
        triggers = [keeps("subscription_id", "stripe_invoice_id"), *never_deleted()]

    def __str__(self) -> str:
        return self.stripe_invoice_id

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)


class GrantedLine(models.Model):
    """A line of a paid invoice that granted credits, once."""

    invoice = models.ForeignKey(
        SubscriptionInvoice, verbose_name=_("invoice"), on_delete=models.PROTECT, related_name="lines"
    )
    stripe_line_id = models.CharField(_("Stripe invoice line"), max_length=255, unique=True)
    stripe_price_id = models.CharField(_("Stripe price"), max_length=255)
    credits = models.DecimalField(_("credits"), max_digits=18, decimal_places=2)

    class Meta:
        verbose_name = _("granted line")
        verbose_name_plural = _("granted lines")
        constraints = [
            models.CheckConstraint(condition=Q(credits__gt=0), name="granted_line_credits_positive")
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return self.stripe_line_id
