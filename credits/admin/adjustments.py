"""Show adjustments, with the buttons of the second person."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.utils import quote
from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from accounts.models import User
from backoffice.actions import acted_on, after_dialog
from backoffice.display import EMPTY, chip, link_to
from backoffice.long_lists import LongListAdmin
from credits.adjustments import adjusting as adjustments
from credits.adjustments.models import Adjustment
from credits.adjustments.undoing import undo_adjustment
from credits.admin.columns import LedgerColumns, amount_column, written
from credits.admin.forms import ReasonForm, UndoForm
from credits.admin.state_filter import ALL, StateFilter
from credits.errors import LedgerError
from credits.formatting import credits_change
from credits.ledger.own_account import may_act_on
from credits.statement.traces import rows_named

Status = Adjustment.Status
STATUS_TONES: dict[str, str] = {Status.WAITING: "warning", Status.BOOKED: "success"}
LONGEST_REASON_IN_LIST = 60


class AdjustmentStateFilter(StateFilter):
    """Shows waiting adjustments by default."""

    default = Status.WAITING.value
    states = Status.choices

    def queryset(self, request: HttpRequest, queryset: QuerySet[Adjustment]) -> QuerySet[Adjustment]:
        shown = self.shown(request)
        return queryset if shown == ALL else queryset.filter(status=shown)


@admin.register(Adjustment)
class AdjustmentAdmin(LedgerColumns, LongListAdmin):
    is_audited = True
    asked_for = ("account",)
    list_display = [
        "asked_at",
        "account_link",
        "amount_shown",
        "reason_shown",
        "status_chip",
        "asked_by_shown",
        "decided_by_shown",
    ]
    list_filter = [AdjustmentStateFilter]
    search_fields = ["id"]  # see get_search_results
    search_help_text = _("Exact adjustment or account ID, owner’s email, team, key, or reference.")
    list_select_related = ["account__owner", "account__team", "asked_by", "decided_by", "undoes"]
    list_before_template = "admin/credits/which_adjustments.html"
    actions_detail = ["approve", "decline", "undo"]
    fieldsets = [
        (None, {"fields": ["account_link", "amount_shown", "status_chip", "reason", "reference"]}),
        (_("Terms"), {"fields": ["came_as", "expires"]}),
        (_("Approval"), {"fields": ["asked_by_shown", "asked_at", "decided_by_shown", "decided_at"]}),
        (_("Ledger"), {"fields": ["entry_link", "undoes_link", "key", "id"]}),
    ]
    readonly_fields = [name for _title, options in fieldsets for name in options["fields"]]

    amount_shown = amount_column(_("amount"), "amount", credits_change)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Adjustment]:
        found: QuerySet[Adjustment] = super().get_queryset(request)
        return found.select_related(*self.list_select_related)

    def get_ordering(self, request: HttpRequest) -> list[str]:
        """List waiting ones with the oldest first, others by time requested with the newest first."""
        waiting = AdjustmentStateFilter.shown(request) == Status.WAITING
        return ["asked_at", "id"] if waiting else ["-asked_at", "-id"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Adjustment], search_term: str
    ) -> tuple[QuerySet[Adjustment], bool]:
        return rows_named(queryset, search_term.strip()), False

    @display(description=_("reason"))
    def reason_shown(self, adjustment: Adjustment) -> str:
        return Truncator(adjustment.reason).chars(LONGEST_REASON_IN_LIST)

    @display(description=_("status"))
    def status_chip(self, adjustment: Adjustment) -> str:
        return chip(adjustment.get_status_display(), STATUS_TONES.get(adjustment.status))

    @display(description=_("requested by"))
    def asked_by_shown(self, adjustment: Adjustment) -> Any:
        return str(adjustment.asked_by) if adjustment.asked_by else _("a script")

    @display(description=_("decided by"))
    def decided_by_shown(self, adjustment: Adjustment) -> Any:
        if adjustment.decided_by:
            return str(adjustment.decided_by)
        is_within_limit = adjustment.status == Status.BOOKED and adjustment.asked_by
        return _("not needed") if is_within_limit else EMPTY

    @display(description=_("promotional"))
    def came_as(self, adjustment: Adjustment) -> Any:
        return chip(_("Promotional"), "success") if adjustment.promotional else EMPTY

    @display(description=_("expires"))
    def expires(self, adjustment: Adjustment) -> Any:
        if adjustment.amount < 0:
            return EMPTY
        return written(adjustment.expires_at) if adjustment.expires_at else _("never")

    @display(description=_("entry"))
    def entry_link(self, adjustment: Adjustment) -> str:
        return link_to(adjustment.entry, f"#{adjustment.entry_id}")

    @display(description=_("undoes"))
    def undoes_link(self, adjustment: Adjustment) -> str:
        return link_to(adjustment.undoes) if adjustment.undoes else EMPTY

    def has_undo_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("credits.adjust_credits")

    def has_decide_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("credits.approve_adjustment")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        """Hide buttons that would do nothing or aren't allowed. Their URLs remain and explain why."""
        adjustment = self.get_object(request, object_id)
        if adjustment is None:
            return []
        fitting = set()
        if adjustment.status == Status.WAITING:
            fitting = {"decline"} if adjustment.asked_by_id == request.user.pk else {"approve", "decline"}
        elif adjustment.status == Status.BOOKED and not adjustment.undone_by.exclude(status=Status.DECLINED):
            fitting = {"undo"}
        allowed = super().get_actions_detail(request, object_id)
        user = cast(User, request.user)
        if not may_act_on(adjustment.account_id, user):
            fitting -= {"approve", "undo"}
        return [button for button in allowed if button.path in fitting]

    @action(
        description=_("Approve"),
        url_path="approve",
        permissions=["decide"],
        dialog={
            "title": _("Approve this adjustment?"),
            "description": _(
                "It is applied at once. You can undo it later, as far as the credits are still there."
            ),
            "form_class": None,
            "form_submit_text": _("Approve"),
        },
    )
    def approve(self, request: HttpRequest, form: Form, object_id: str) -> HttpResponse:
        return self._decide(request, object_id, adjustments.approve, "Approved")

    @action(
        description=_("Decline"),
        url_path="decline",
        permissions=["decide"],
        dialog={
            "title": _("Decline this adjustment?"),
            "description": _("Nothing is changed. To reconsider, someone has to request it again."),
            "form_class": ReasonForm,
            "form_submit_text": _("Decline"),
        },
    )
    def decline(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        return self._decide(
            request, object_id, adjustments.decline, f"Declined: {form.cleaned_data['reason']}"
        )

    @action(
        description=_("Undo"),
        url_path="undo",
        permissions=["undo"],
        dialog={
            "title": _("Undo this adjustment?"),
            "description": _("Removes the credits it added, or restores the credits it removed."),
            "form_class": UndoForm,
            "form_submit_text": _("Undo"),
        },
    )
    def undo(self, request: HttpRequest, form: UndoForm, object_id: str) -> HttpResponse:
        adjustment: Adjustment = acted_on(self, request, object_id)
        page = reverse("admin:credits_adjustment_change", args=[quote(adjustment.pk)])
        told = form.cleaned_data
        try:
            asked = undo_adjustment(adjustment.pk, told["reason"], told["key"], cast(User, request.user))
        except LedgerError as error:
            self.log_change(request, adjustment, f"Undo failed: {error.code}")
            self.message_user(request, error.message, messages.ERROR)
            return after_dialog(request, page)
        if not asked.repeated:
            self.log_change(request, adjustment, f"Undone: {told['reason']}")
        amount = credits_change(asked.adjustment.amount)
        if asked.adjustment.status == Status.WAITING:
            self.message_user(
                request, _("%s credits are awaiting approval by a second person.") % amount, messages.WARNING
            )
        else:
            self.message_user(request, _("Undone: %s credits.") % amount, messages.SUCCESS)
        return after_dialog(request, reverse("admin:credits_adjustment_change", args=[asked.adjustment.pk]))

    def _decide(
        self, request: HttpRequest, object_id: str, decide: Callable[[UUID, User], Adjustment], done: str
    ) -> HttpResponse:
        adjustment: Adjustment = acted_on(self, request, object_id)
        try:
            decided = decide(adjustment.pk, cast(User, request.user))
        except LedgerError as error:
            self.log_change(request, adjustment, f"{decide.__name__.capitalize()} failed: {error.code}")
            self.message_user(request, error.message, messages.ERROR)
        else:
            self.log_change(request, adjustment, done)
            told = {"amount": credits_change(decided.amount), "status": decided.get_status_display()}
            self.message_user(request, _("%(amount)s credits: %(status)s.") % told, messages.SUCCESS)
        return after_dialog(request, reverse("admin:credits_adjustment_change", args=[quote(adjustment.pk)]))
