"""Show automatic top-ups and their attempts, and let staff suspend them."""

from __future__ import annotations

from typing import cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from accounts.models import User
from backoffice.actions import after_dialog, back_to, dialog_action, row_of
from backoffice.columns import chip_column, column
from backoffice.display import EMPTY, link_to, link_to_list
from backoffice.read_only import ReadOnlyAdmin
from billing.auto_top_up.models import Attempt, AutoTopUp, Pause
from billing.auto_top_up.staff import pause_all, resume, resume_all, suspend
from billing.money import Money
from credits.formatting import credits_amount

STATE_TONES: dict[str, str] = {
    AutoTopUp.State.ON: "success",
    AutoTopUp.State.NEEDS_CONFIRMATION: "warning",
    AutoTopUp.State.SUSPENDED: "danger",
}
OUTCOME_TONES: dict[str, str] = {
    Attempt.Outcome.OPEN: "warning",
    Attempt.Outcome.SUCCEEDED: "success",
    Attempt.Outcome.FAILED: "danger",
}


@admin.register(AutoTopUp)
class AutoTopUpAdmin(ReadOnlyAdmin):
    is_audited = True
    list_display = [
        "account_link",
        "state_chip",
        "reason",
        "threshold_shown",
        "buys",
        "monthly_limit",
        "retry_at",
    ]
    list_filter = ["state", "reason"]
    search_fields = ["account__id__exact"]
    search_help_text = _("Account ID.")
    list_select_related = ["account__owner", "account__team"]
    actions_list = ["pause", "unpause"]
    actions_detail = ["suspend", "resume"]
    fields = [
        "account_link",
        "state_chip",
        "reason",
        "threshold_shown",
        "buys",
        "monthly_limit",
        "declines",
        "declined_method",
        "retry_at",
        "wording",
        "attempts_link",
        "created_at",
    ]
    readonly_fields = fields

    state_chip = chip_column("state", STATE_TONES)
    account_link = column(_("account"), "account", link_to)

    @display(description=_("threshold"))
    def threshold_shown(self, row: AutoTopUp) -> str:
        return credits_amount(row.threshold)

    @display(description=_("buys"))
    def buys(self, row: AutoTopUp) -> str:
        return row.package_code or str(Money(row.custom_minor or 0, row.currency))

    @display(description=_("consent"))
    def wording(self, row: AutoTopUp) -> str:
        return row.consent.wording if row.consent else EMPTY

    @display(description=_("attempts"))
    def attempts_link(self, row: AutoTopUp) -> str:
        return link_to_list(Attempt, _("All attempts"), auto_top_up__id__exact=row.pk)

    def has_suspend_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return request.user.has_perm("auto_top_up.suspend_auto_top_ups")

    @dialog_action(
        _("Suspend"),
        permission="suspend",
        title=_("Suspend this automatic top-up?"),
        explained=_(
            "Its card isn’t charged automatically until staff resume it. The owner is told by email."
        ),
    )
    def suspend(self, request: HttpRequest, form: Form, object_id: str) -> HttpResponse:
        row = row_of(AutoTopUp, form)
        if suspend(row.pk):
            messages.success(request, _("Suspended."))
        else:
            messages.info(request, _("It is off, or was suspended before. Nothing changed."))
        return back_to(request, row)

    @dialog_action(
        _("Resume"),
        permission="suspend",
        title=_("Resume this automatic top-up?"),
        explained=_("Its card is charged again as soon as the balance is below the threshold."),
    )
    def resume(self, request: HttpRequest, form: Form, object_id: str) -> HttpResponse:
        row = row_of(AutoTopUp, form)
        if resume(row.pk):
            messages.success(request, _("Resumed."))
        else:
            messages.info(request, _("It isn’t suspended. Nothing changed."))
        return back_to(request, row)

    @action(
        description=_("Suspend all"),
        url_path="pause",
        permissions=["suspend"],
        dialog={
            "title": _("Suspend all automatic top-ups?"),
            "description": _("No card is charged automatically until staff resume. Nobody is told by email."),
            "form_class": Form,
            "form_submit_text": _("Suspend all"),
        },
    )
    def pause(self, request: HttpRequest, form: Form) -> HttpResponse:
        pause_all(cast(User, request.user).pk)
        messages.warning(request, _("All automatic top-ups are suspended."))
        return after_dialog(request, reverse("admin:auto_top_up_autotopup_changelist"))

    @action(
        description=_("Resume all"),
        url_path="unpause",
        permissions=["suspend"],
        dialog={
            "title": _("Resume automatic top-ups?"),
            "description": _("Those that staff suspended one by one stay suspended."),
            "form_class": Form,
            "form_submit_text": _("Resume all"),
        },
    )
    def unpause(self, request: HttpRequest, form: Form) -> HttpResponse:
        resume_all()
        messages.success(request, _("Automatic top-ups are running."))
        return after_dialog(request, reverse("admin:auto_top_up_autotopup_changelist"))

    def get_actions_list(self, request: HttpRequest) -> list[object]:
        """Offer to suspend all, or to resume if that was done."""
        paused = Pause.objects.exists()
        hidden = "pause" if paused else "unpause"
        return [
            each
            for each in super().get_actions_list(request)
            if not str(each.action_name).endswith(f"_{hidden}")
        ]


@admin.register(Attempt)
class AttemptAdmin(ReadOnlyAdmin):
    list_display = [
        "created_at",
        "purchase_link",
        "buyer_link",
        "amount",
        "outcome_chip",
        "failure",
        "ended_at",
    ]
    list_filter = ["outcome", "created_at"]
    search_fields = ["purchase__id__exact"]
    search_help_text = _("Purchase ID.")
    list_select_related = ["purchase__user", "auto_top_up"]
    fields = [
        "purchase_link",
        "buyer_link",
        "amount",
        "outcome_chip",
        "failure",
        "month",
        "created_at",
        "ended_at",
    ]
    readonly_fields = fields

    purchase_link = column(_("purchase"), "purchase", link_to)
    buyer_link = column(_("buyer"), "purchase.user", link_to)
    outcome_chip = chip_column("outcome", OUTCOME_TONES)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Attempt]:
        attempts: QuerySet[Attempt] = super().get_queryset(request)
        return attempts.select_related("purchase__user", "auto_top_up")

    @display(description=_("amount"))
    def amount(self, attempt: Attempt) -> str:
        return str(Money(attempt.amount_minor, attempt.auto_top_up.currency))

    @display(description=_("failure"))
    def failure(self, attempt: Attempt) -> str:
        return attempt.purchase.failure_code or EMPTY
