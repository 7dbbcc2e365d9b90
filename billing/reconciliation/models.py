"""Store comparisons with Stripe and the issues they find."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing.purchases.models.purchases import Purchase
from billing.subscriptions.models import Subscription
from core.database.guards import never_deleted


class ReconciliationRun(models.Model):
    """A comparison of a period with Stripe, a page at a time. ``stage`` and ``cursor`` are its position, saved with
    each page's result, so that a stopped run continues there; an empty stage means that nothing is left. A process
    (``worked_by``) holds it until ``lease_until``, extended with each page; if the process dies, the lease expires.
    """

    class Source(models.TextChoices):
        NIGHTLY = "nightly", _("nightly job")
        STAFF = "staff", _("admin")
        COMMAND = "command", _("command")

    class Status(models.TextChoices):
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Interrupted")

    class Stage(models.TextChoices):
        """The stages, in order. The cursor is a Stripe id, or an id of ours, for purchases after a time."""

        SESSIONS = "sessions", _("Stripe checkouts")
        INVOICES = "invoices", _("Stripe invoices of plans")
        PAYMENTS = "payments", _("Stripe payments")
        PURCHASES = "purchases", _("purchases")
        SUBSCRIPTIONS = "subscriptions", _("Stripe subscriptions")
        OWN_SUBSCRIPTIONS = "own_subscriptions", _("subscriptions")
        REFUNDS = "refunds", _("Stripe refunds")
        DISPUTES = "disputes", _("Stripe disputes")

    source = models.CharField(_("started by"), max_length=10, choices=Source.choices)
    asked_by = models.UUIDField(_("staff member"), null=True)
    period_start = models.DateTimeField(_("from"))
    period_end = models.DateTimeField(_("to"))
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.RUNNING)
    stage = models.CharField(
        _("stage"),
        max_length=20,
        choices=Stage.choices,
        blank=True,
        default=Stage.SESSIONS,
        db_default="",
    )
    cursor = models.CharField(max_length=255, blank=True, default="", db_default="", editable=False)
    worked_by = models.UUIDField(null=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    share = models.FloatField(_("progress"), default=0)
    sessions = models.PositiveIntegerField(_("sessions compared"), default=0)
    purchases = models.PositiveIntegerField(_("purchases compared"), default=0)
    payments = models.PositiveIntegerField(_("payments compared"), default=0, db_default=0)
    invoices = models.PositiveIntegerField(_("invoices of plans compared"), default=0, db_default=0)
    subscriptions = models.PositiveIntegerField(_("subscriptions compared"), default=0, db_default=0)
    failure = models.CharField(_("failure"), max_length=300, blank=True)
    started_at = models.DateTimeField(_("started"), db_default=Now(), editable=False)
    ended_at = models.DateTimeField(_("ended"), null=True)

    class Meta:
        verbose_name = _("reconciliation")
        verbose_name_plural = _("reconciliations")
        permissions = [("run_reconciliation", _("Can compare with Stripe"))]
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(period_end__gt=models.F("period_start")), name="run_period_has_a_length"
            ),
            models.CheckConstraint(
                condition=Q(status="running", ended_at__isnull=True)
                | (~Q(status="running") & Q(ended_at__isnull=False)),
                name="run_ended_has_its_time",
            ),
            models.CheckConstraint(
                condition=~Q(status="done") | Q(stage=""), name="run_done_has_nothing_to_go_on_with"
            ),
            models.CheckConstraint(
                condition=Q(worked_by__isnull=True, lease_until__isnull=True)
                | Q(worked_by__isnull=False, lease_until__isnull=False, status="running"),
                name="run_is_worked_on_until_a_time",
            ),
        ]
        triggers = never_deleted()

    def __str__(self) -> str:
        return f"{self.period_start:%Y-%m-%d %H:%M} – {self.period_end:%Y-%m-%d %H:%M}"

    @property
    def is_worked_on(self) -> bool:
        """A process holds the lease, or died minutes ago."""
        return self.lease_until is not None and self.lease_until > timezone.now()

    @property
    def can_go_on(self) -> bool:
        return bool(self.stage) and not self.is_worked_on


class SeenPurchase(models.Model):
    """A purchase whose checkout, invoice or charge a run found in Stripe's list, or one that a checkout there names and
    that isn't here; deleted when the run is done or given up.
    """

    pk = models.CompositePrimaryKey("run_id", "purchase_id")
    run_id = models.BigIntegerField()
    purchase_id = models.UUIDField()

    class Meta:
        verbose_name = _("purchase seen in Stripe")
        verbose_name_plural = _("purchases seen in Stripe")

    def __str__(self) -> str:
        return str(self.purchase_id)


class SeenSubscription(models.Model):
    """A subscription that a run found in Stripe's list; deleted when the run is done or given up."""

    pk = models.CompositePrimaryKey("run_id", "subscription_id")
    run_id = models.BigIntegerField()
    subscription_id = models.UUIDField()

    class Meta:
        verbose_name = _("subscription seen in Stripe")
        verbose_name_plural = _("subscriptions seen in Stripe")

    def __str__(self) -> str:
        return str(self.subscription_id)


class ReconciliationFinding(models.Model):
    """A difference between Stripe and our records, repaired by the run or waiting for staff to close it. While a
    problem (``key``) waits, runs that find it again update its row: ``run`` and ``found_at`` are the latest,
    ``times`` the count.
    """

    class State(models.TextChoices):
        REPAIRED = "repaired", _("Repaired")
        WAITING = "waiting", _("Open")
        SETTLED = "settled", _("Closed by staff")

    run = models.ForeignKey(
        ReconciliationRun, verbose_name=_("run"), on_delete=models.PROTECT, related_name="findings"
    )
    key = models.CharField(_("problem"), max_length=320)
    kind = models.CharField(_("kind"), max_length=40)
    detail = models.CharField(_("detail"), max_length=300)
    purchase = models.ForeignKey(
        Purchase, verbose_name=_("purchase"), on_delete=models.SET_NULL, null=True, related_name="findings"
    )
    subscription = models.ForeignKey(
        Subscription,
        verbose_name=_("subscription"),
        on_delete=models.SET_NULL,
        null=True,
        related_name="findings",
    )
    session_id = models.CharField(_("Stripe session"), max_length=255, blank=True)
    times = models.PositiveIntegerField(_("times found"), default=1, db_default=1)
    found_at = models.DateTimeField(_("found"), db_default=Now())
    state = models.CharField(_("state"), max_length=10, choices=State.choices)
    settled_by = models.UUIDField(_("closed by"), null=True)
    settled_at = models.DateTimeField(_("closed"), null=True)

    class Meta:
        verbose_name = _("reconciliation issue")
        verbose_name_plural = _("reconciliation issues")
        permissions = [("repair_finding", _("Can repair and close issues"))]
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["key"], condition=Q(state="waiting"), name="finding_waits_once"),
        ]
        indexes = [
            models.Index(fields=["-id"], condition=Q(state="waiting"), name="finding_waiting"),
        ]
        triggers = never_deleted()

    def __str__(self) -> str:
        return self.kind.replace("_", " ")

    @property
    def object_id(self) -> str:
        """Return the id that names the problem: Stripe's, or our purchase's."""
        return self.key.removeprefix(f"{self.kind}:")
