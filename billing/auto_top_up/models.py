"""Store automatic top-ups, and each attempt to charge for one.

Two rules stand in the database as well: an automatic top-up has one open attempt at most, and the attempts of a
calendar month, but for the failed ones, never exceed its monthly limit.
"""

from __future__ import annotations

import pgtrigger
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from billing.customers.models import Consent, SavedMethod
from billing.money import Money
from billing.purchases.models import Purchase
from core.database.guards import keeps, never_deleted
from credits.ledger.models import Account
from credits.ledger.models.fields import AmountField

# The row of the automatic top-up is locked first: of two attempts at once, the second sees the first.
VERIFY_LIMIT = """
    SELECT monthly_limit_minor INTO v_limit FROM auto_top_up_autotopup
        WHERE id = NEW.auto_top_up_id FOR NO KEY UPDATE;
    SELECT coalesce(sum(a.amount_minor), 0) INTO v_charged
        FROM auto_top_up_attempt a JOIN purchases_purchase p ON p.id = a.purchase_id
        WHERE a.auto_top_up_id = NEW.auto_top_up_id AND a.month = NEW.month AND a.outcome <> 'failed'
            AND p.currency = (SELECT currency FROM purchases_purchase WHERE id = NEW.purchase_id);
    IF v_charged + NEW.amount_minor > v_limit THEN
        RAISE check_violation USING
            CONSTRAINT = 'top_up_attempt_within_limit', TABLE = 'auto_top_up_attempt',
            MESSAGE = format('automatic top-up %s: %s of %s are charged or pending this month, %s more are too many',
                             NEW.auto_top_up_id, v_charged, v_limit, NEW.amount_minor);
    END IF;
    RETURN NEW;
"""


class AutoTopUp(models.Model):
    """An account's automatic top-up: below ``threshold``, buy a package or a custom amount, within a monthly limit.

    ``retry_at`` is set after a declined card, or until the next month if the limit is reached. ``asked_at`` is when the
    crossing was last handed to a job, so that it is asked for once.
    """

    class State(models.TextChoices):
        OFF = "off", _("Off")
        ON = "on", _("On")
        NEEDS_CONFIRMATION = "needs_confirmation", _("Needs confirmation")
        SUSPENDED = "suspended", _("Suspended")

    class Reason(models.TextChoices):
        OWNER = "owner", _("turned off by the owner")
        HARD_DECLINE = "hard_decline", _("the bank refuses this card")
        DECLINES = "declines", _("declined three times in a row")
        AUTHENTICATION = "authentication_required", _("the bank asks the owner to confirm")
        CARD_REMOVED = "card_removed", _("the card was removed")
        REFUNDED = "refunded", _("an automatic payment was refunded")
        DISPUTED = "disputed", _("an automatic payment was disputed")
        NOT_SOLD = "not_sold", _("the package is no longer on sale")
        PRICE_CHANGED = "price_changed", _("it costs more, or brings less, than was agreed to")
        TAXED = "taxed", _("tax is calculated at the checkout only")
        REFUSED = "refused", _("Stripe refused the charge three times in a row")
        STAFF = "staff", _("suspended by staff")
        ERASED = "erased", _("the owner was erased")

    account = models.OneToOneField(
        Account, verbose_name=_("account"), on_delete=models.PROTECT, related_name="auto_top_up"
    )
    state = models.CharField(_("state"), max_length=20, choices=State.choices, default=State.OFF)
    reason = models.CharField(_("reason"), max_length=30, choices=Reason.choices, blank=True, default="")
    threshold = AmountField(_("threshold"))
    package_code = models.CharField(_("package code"), max_length=50, blank=True)
    custom_minor = models.BigIntegerField(_("custom amount in minor units"), null=True)
    currency = models.CharField(_("currency"), max_length=3)
    monthly_limit_minor = models.BigIntegerField(_("monthly limit in minor units"))
    # What one of what is bought cost and brought when its owner agreed; empty if that is not known.
    agreed_minor = models.BigIntegerField(_("price agreed to, in minor units"), null=True)
    agreed_credits = AmountField(_("credits agreed to"), null=True)
    consent = models.ForeignKey(
        Consent, verbose_name=_("consent"), on_delete=models.PROTECT, null=True, related_name="+"
    )
    declines = models.PositiveSmallIntegerField(_("declines in a row"), default=0)
    declined_method = models.ForeignKey(
        SavedMethod, verbose_name=_("declined card"), on_delete=models.PROTECT, null=True, related_name="+"
    )
    retry_at = models.DateTimeField(_("not before"), null=True)
    asked_at = models.DateTimeField(_("asked for"), null=True)
    limit_reached_in = models.DateField(_("limit reached in"), null=True)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("automatic top-up")
        verbose_name_plural = _("automatic top-ups")
        permissions = [("suspend_auto_top_ups", _("Can suspend automatic top-ups"))]
        constraints = [
            models.CheckConstraint(condition=Q(threshold__gt=0), name="auto_top_up_threshold_positive"),
            models.CheckConstraint(condition=Q(monthly_limit_minor__gt=0), name="auto_top_up_limit_positive"),
            models.CheckConstraint(
                condition=Q(state="off") | Q(consent__isnull=False), name="auto_top_up_has_consent"
            ),
            models.CheckConstraint(
                condition=Q(custom_minor=None) & ~Q(package_code="")
                | Q(custom_minor__gt=0, custom_minor__isnull=False, package_code=""),
                name="auto_top_up_buys_one_thing",
            ),
        ]
        triggers = never_deleted()

    def __str__(self) -> str:
        return f"{self.account_id}: {self.get_state_display()}"

    @property
    def monthly_limit(self) -> Money:
        return Money(self.monthly_limit_minor, self.currency)


class Attempt(models.Model):
    """One attempt to charge for an automatic top-up: its purchase, which has Stripe's reason if it failed.

    It is open until the purchase is credited or has failed and the consequences are drawn. ``month`` is the first day
    of the month whose limit it counts in.
    """

    class Outcome(models.TextChoices):
        OPEN = "open", _("Open")
        SUCCEEDED = "succeeded", _("Succeeded")
        FAILED = "failed", _("Failed")

    purchase = models.OneToOneField(
        Purchase,
        verbose_name=_("purchase"),
        on_delete=models.PROTECT,
        primary_key=True,
        related_name="top_up_attempt",
    )
    auto_top_up = models.ForeignKey(
        AutoTopUp, verbose_name=_("automatic top-up"), on_delete=models.PROTECT, related_name="attempts"
    )
    amount_minor = models.BigIntegerField(_("amount in minor units"))
    month = models.DateField(_("month"))
    outcome = models.CharField(
        _("outcome"), max_length=10, choices=Outcome.choices, default=Outcome.OPEN, db_default=Outcome.OPEN
    )
    # Whether the refund or dispute of its payment has had its consequence.
    reversed = models.BooleanField(_("refunded or disputed"), default=False, db_default=False)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    ended_at = models.DateTimeField(_("ended"), null=True)

    class Meta:
        verbose_name = _("automatic top-up attempt")
        verbose_name_plural = _("automatic top-up attempts")
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["auto_top_up"], condition=Q(outcome="open"), name="top_up_attempt_one_open"
            ),
            models.CheckConstraint(
                condition=Q(outcome="open", ended_at=None) | ~Q(outcome="open") & Q(ended_at__isnull=False),
                name="top_up_attempt_ended_has_its_time",
            ),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="top_up_attempt_amount_positive"),
        ]
        indexes = [models.Index(fields=["auto_top_up", "-created_at"], name="top_up_attempts_newest")]
        triggers = [
            pgtrigger.Trigger(
                name="stays_within_the_limit",
                level=pgtrigger.Row,
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                declare=[("v_limit", "bigint"), ("v_charged", "bigint")],
                func=VERIFY_LIMIT,
            ),
            keeps("purchase_id", "auto_top_up_id", "amount_minor", "month", "created_at"),
            *never_deleted(),
        ]

    def __str__(self) -> str:
        return f"{self.purchase_id}: {self.get_outcome_display()}"


class Pause(models.Model):
    """The pause of all automatic top-ups: while its one row exists, nothing is begun. ``actor_id`` is null if a command
    paused them.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    actor_id = models.UUIDField(_("staff member"), null=True)
    created_at = models.DateTimeField(_("since"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("pause of all automatic top-ups")
        verbose_name_plural = _("pause of all automatic top-ups")
        constraints = [models.CheckConstraint(condition=Q(id=1), name="auto_top_up_one_pause")]

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M}"
