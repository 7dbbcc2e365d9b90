"""Show reconciliation runs and their issues; start a run, repair or close an issue."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from accounts.audit.recording import record_act
from accounts.models import User
from backoffice.actions import acted_on, after_dialog, back_to, dialog_action
from backoffice.columns import chip_column, column
from backoffice.display import EMPTY, chip, in_words, link_to, link_to_list
from backoffice.read_only import ReadOnlyAdmin
from billing.deferring import defer_reconciliation
from billing.errors import BillingError
from billing.reconciliation.findings import WHAT_TO_DO, is_repairable, repair_finding, resolve_finding
from billing.reconciliation.models import ReconciliationFinding, ReconciliationRun
from billing.reconciliation.runs import LEASE, begin_run

State = ReconciliationFinding.State
RUN_TONES: dict[str, str] = {
    ReconciliationRun.Status.RUNNING: "warning",
    ReconciliationRun.Status.DONE: "success",
    ReconciliationRun.Status.FAILED: "danger",
}
STATE_TONES: dict[str, str] = {State.REPAIRED: "success", State.WAITING: "danger", State.SETTLED: "success"}
LONGEST_DAYS = 400


class DaysForm(BaseDialogForm):  # type: ignore[misc]  # unfold is untyped
    days = forms.IntegerField(
        label=_("Days back"),
        min_value=1,
        max_value=LONGEST_DAYS,
        initial=3,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("Runs in the background; follow its progress in this list."),
    )


@admin.register(ReconciliationRun)
class ReconciliationRunAdmin(ReadOnlyAdmin):
    list_display = ["started_at", "period", "status_chip", "progress", "repaired", "waiting", "source"]
    list_filter = ["status", "source", "started_at"]
    actions_list = ["compare"]
    actions_detail = ["go_on"]
    fields = [
        "status_chip",
        "failure",
        "progress",
        "stage_shown",
        "period",
        "sessions",
        "purchases",
        "payments",
        "invoices",
        "subscriptions",
        "by_kind",
        "findings",
        "source",
        "started_at",
        "ended_at",
    ]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReconciliationRun]:
        runs: QuerySet[ReconciliationRun] = super().get_queryset(request)
        return runs.annotate(
            repaired_count=Count("findings", filter=Q(findings__state=State.REPAIRED)),
            waiting_count=Count("findings", filter=Q(findings__state=State.WAITING)),
        )

    @display(description=_("period"), ordering="period_start")
    def period(self, run: ReconciliationRun) -> str:
        return str(run)

    @display(description=_("status"), ordering="status")
    def status_chip(self, run: ReconciliationRun) -> str:
        if run.status == ReconciliationRun.Status.RUNNING and run.lease_until is None:
            return chip(_("Queued"), "warning")
        if run.status == ReconciliationRun.Status.RUNNING and run.can_go_on:
            return chip(_("Interrupted"), "danger")
        return chip(run.get_status_display(), RUN_TONES[run.status])

    @display(description=_("progress"), ordering="share")
    def progress(self, run: ReconciliationRun) -> str:
        return f"{int(100 * run.share)}%"

    @display(description=_("stage"))
    def stage_shown(self, run: ReconciliationRun) -> str:
        return run.get_stage_display() or EMPTY

    @display(description=_("auto-repaired"), ordering="repaired_count")
    def repaired(self, run: Any) -> int:
        return int(run.repaired_count)

    @display(description=_("waiting"), ordering="waiting_count")
    def waiting(self, run: Any) -> str:
        if not run.waiting_count:
            return "0"
        return link_to_list(
            ReconciliationFinding, run.waiting_count, run__id__exact=run.pk, state__exact="waiting"
        )

    @display(description=_("summary"))
    def by_kind(self, run: ReconciliationRun) -> str:
        kinds = run.findings.values_list("kind").annotate(Count("id")).order_by("kind")
        return ", ".join(f"{count} {in_words(kind).lower()}" for kind, count in kinds) or EMPTY

    @display(description=_("issues"))
    def findings(self, run: ReconciliationRun) -> str:
        return link_to_list(ReconciliationFinding, _("View issues"), run__id__exact=run.pk)

    @dialog_action(
        _("Compare now"),
        permission="reconciliation.run_reconciliation",
        title=_("Compare with Stripe?"),
        explained=_(
            "Compares Stripe’s records with ours, repairs what is safe, and lists the rest as issues."
        ),
        form=DaysForm,
        button=_("Compare"),
    )
    def compare(self, request: HttpRequest, form: DaysForm) -> HttpResponse:
        now, days = timezone.now(), form.cleaned_data["days"]
        start, staff = now - timedelta(days=days), cast(User, request.user).pk
        with transaction.atomic():
            run = begin_run(start, now, ReconciliationRun.Source.STAFF, asked_by=staff)
            record_act("started", run, {"days": days})
            defer_reconciliation(run.pk)
        self.message_user(request, _("Started. Issues appear here as they are found."), messages.SUCCESS)
        return after_dialog(request, reverse("admin:reconciliation_reconciliationrun_changelist"))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        run = self.get_object(request, object_id)
        return super().get_actions_detail(request, object_id) if run and run.can_go_on else []

    @dialog_action(
        _("Resume"),
        permission="reconciliation.run_reconciliation",
        title=_("Resume this comparison?"),
        explained=_("A worker continues where it stopped; nothing is compared twice."),
    )
    def go_on(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        run: ReconciliationRun = acted_on(self, request, object_id)
        if run.can_go_on:
            with transaction.atomic():
                record_act("resumed", run)
                defer_reconciliation(run.pk)
            self.log_change(request, run, "Resumed")
            self.message_user(request, _("A worker will resume it."), messages.SUCCESS)
        elif run.stage:
            minutes = int(LEASE.total_seconds() // 60)
            busy = _("It is still running, or stopped less than %(minutes)s minutes ago.")
            self.message_user(request, busy % {"minutes": minutes}, messages.WARNING)
        else:
            self.message_user(request, _("It has finished; there is nothing to resume."), messages.WARNING)
        return back_to(request, run)


@admin.register(ReconciliationFinding)
class ReconciliationFindingAdmin(ReadOnlyAdmin):
    is_audited = True
    asked_for = ("run",)
    list_display = ["kind_shown", "detail", "purchase_link", "state_chip", "run_link"]
    list_filter = ["state", "kind"]
    search_fields = ["purchase__id__exact", "session_id__exact"]
    search_help_text = _("Purchase or session ID.")
    list_select_related = ["purchase", "run"]
    actions_detail = ["repair", "settle"]
    fields = [
        "kind_shown",
        "detail",
        "what_to_do",
        "state_chip",
        "purchase_link",
        "subscription_link",
        "session_id",
        "run_link",
        "settled_by_name",
        "settled_at",
    ]
    readonly_fields = fields

    kind_shown = column(_("kind"), "kind", in_words, ordering="kind")
    state_chip = chip_column("state", STATE_TONES, _("state"))
    purchase_link = column(_("purchase"), "purchase", link_to)
    subscription_link = column(_("subscription"), "subscription", link_to)
    run_link = column(_("run"), "run", link_to)

    @display(description=_("next step"))
    def what_to_do(self, finding: ReconciliationFinding) -> str:
        return str(WHAT_TO_DO.get(finding.kind, EMPTY))

    @display(description=_("closed by"))
    def settled_by_name(self, finding: ReconciliationFinding) -> str:
        if finding.settled_by is None:
            return EMPTY
        name = User.objects.filter(pk=finding.settled_by).values_list("username", flat=True).first()
        return name or str(finding.settled_by)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        """Hide actions that can do nothing. Their URLs remain, and explain it to those who come too late."""
        finding = self.get_object(request, object_id)
        if finding is None or finding.state != State.WAITING:
            return []
        actions = super().get_actions_detail(request, object_id)
        return actions if is_repairable(finding) else [one for one in actions if one.path != "repair"]

    @dialog_action(
        _("Repair"),
        permission="reconciliation.repair_finding",
        title=_("Repair this issue?"),
        explained=_("Asks Stripe again and does what the webhook would have done."),
    )
    def repair(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        finding: ReconciliationFinding = acted_on(self, request, object_id)
        try:
            finding = repair_finding(finding.pk, cast(User, request.user).pk)
        except BillingError as error:
            self.log_change(request, finding, f"Repair failed: {error.code}")
            self.message_user(request, error.for_staff, messages.ERROR)
        else:
            self._tell(request, finding, "Repaired")
        return back_to(request, finding)

    @dialog_action(
        _("Close issue"),
        permission="reconciliation.repair_finding",
        title=_("Close this issue?"),
        explained=_("Use this once you have fixed it elsewhere."),
        button=_("Close"),
    )
    def settle(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        finding: ReconciliationFinding = acted_on(self, request, object_id)
        self._tell(request, resolve_finding(finding.pk, cast(User, request.user).pk), "Closed")
        return back_to(request, finding)

    def _tell(self, request: HttpRequest, finding: ReconciliationFinding, done: str) -> None:
        if finding.state == State.SETTLED:
            self.log_change(request, finding, done)
            self.message_user(request, _("Issue closed."), messages.SUCCESS)
        else:
            self.log_change(request, finding, "Repair changed nothing")
            told = _("Stripe still reports the same; see the purchase or subscription.")
            self.message_user(request, told, messages.WARNING)
