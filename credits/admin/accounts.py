"""Show accounts: the balance over time, lots, entries and holds."""

from __future__ import annotations

from typing import Any, cast

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override
from unfold.decorators import action, display

from accounts.models import User
from backoffice.actions import acted_on, after_dialog, back_to
from backoffice.display import admin_page, chip, link_to
from backoffice.read_only import ReadOnlyAdmin
from credits.adjustments import adjusting as adjustments
from credits.adjustments.limits import allowance_of, in_words
from credits.adjustments.models import Adjustment
from credits.admin.account_sheet import sheet_of
from credits.admin.columns import amount_column
from credits.admin.forms import AdjustForm
from credits.errors import LedgerError
from credits.formatting import credits_change
from credits.ledger.models import Account
from credits.ledger.own_account import may_act_on


class HolderFilter(admin.SimpleListFilter):
    title = _("holder")
    parameter_name = "holder"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("person", _("Customer")), ("team", _("Team")), ("nobody", _("None"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Account]) -> QuerySet[Account]:
        if self.value() == "person":
            return queryset.filter(owner__isnull=False)
        if self.value() == "team":
            return queryset.filter(team__isnull=False)
        return queryset.filter(owner=None, team=None) if self.value() == "nobody" else queryset


class DebtFilter(admin.SimpleListFilter):
    title = _("debt")
    parameter_name = "debt"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("In debt"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Account]) -> QuerySet[Account]:
        return queryset.filter(debt__gt=0) if self.value() == "yes" else queryset


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin):
    lists_from_replica = True
    list_display = [
        "holder",
        "holder_chip",
        "balance_shown",
        "held_shown",
        "debt_shown",
        "version",
        "created_at",
    ]
    list_filter = [HolderFilter, DebtFilter]
    search_fields = ["id__exact", "owner__username", "owner__email", "team__name"]
    search_help_text = _("Account ID, owner’s name or email, or team name.")
    list_select_related = ["owner", "team"]
    ordering = ["-created_at"]
    fields = ["holder_link", "created_at", "id", "see_also"]
    readonly_fields = fields
    actions_detail = ["adjust"]
    change_form_outer_after_template = "admin/credits/account_sheet.html"

    balance_shown = amount_column(_("balance"), "balance", ordering="balance")
    held_shown = amount_column(_("held"), "held", dash_for_zero=True, ordering="held")
    debt_shown = amount_column(_("debt"), "debt", dash_for_zero=True, ordering="debt")

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        account = self.get_object(request, unquote(object_id))
        sheet = {} if account is None else {"sheet": sheet_of(account)}
        response: HttpResponse = super().change_view(
            request, object_id, form_url, {**(extra_context or {}), **sheet}
        )
        return response

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        accounts: QuerySet[Account] = super().get_queryset(request)
        return accounts.select_related("owner", "team")

    @display(description=_("account"), ordering="owner__username")
    def holder(self, account: Account) -> str:
        return str(account)

    @display(description=_("holder"))
    def holder_chip(self, account: Account) -> str:
        if account.owner_id:
            return chip(_("Customer"))
        return chip(_("Team"), "info") if account.team_id else chip(_("None"), "warning")

    @display(description=_("holder"))
    def holder_link(self, account: Account) -> str:
        return link_to(account.owner or account.team)

    def has_adjust_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("credits.adjust_credits")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        """Hide the buttons on your own account. Their URLs remain and explain why."""
        account = self.get_object(request, unquote(str(object_id)))
        if account is None or not may_act_on(account.pk, cast(User, request.user)):
            return []
        return super().get_actions_detail(request, object_id)

    @action(
        description=_("Adjust credits"),
        url_path="adjust",
        permissions=["adjust"],
        dialog={
            "title": _("Adjust credits"),
            "description": _("The statement shows an adjustment with the reason, but without your name."),
            "form_class": AdjustForm,
            "form_submit_text": _("Adjust"),
        },
    )
    def adjust(self, request: HttpRequest, form: AdjustForm, object_id: str) -> HttpResponse:
        account: Account = acted_on(self, request, object_id)
        try:
            asked = adjustments.ask(account.pk, form.terms, cast(User, request.user))
        except LedgerError as error:
            self.log_change(request, account, f"Adjustment failed: {error.code}")
            self.message_user(request, error.message, messages.ERROR)
            return back_to(request, account)
        self._tell(request, account, asked)
        if asked.adjustment.status == Adjustment.Status.WAITING:
            return after_dialog(request, admin_page(asked.adjustment))
        return back_to(request, account)

    def _tell(self, request: HttpRequest, account: Account, asked: adjustments.Asked) -> None:
        adjustment = asked.adjustment
        if asked.repeated:
            self.message_user(request, _("Already requested; it won’t be applied twice."), messages.WARNING)
            return
        amount = credits_change(adjustment.amount)
        with override(settings.LANGUAGE_CODE):  # the history is for all staff
            kept = credits_change(adjustment.amount)
        if adjustment.status == Adjustment.Status.WAITING:
            self.log_change(request, account, f"Requested an adjustment of {kept}: {adjustment.reason}")
            told = _("%s credits are awaiting approval by a second person.") % amount
            allowance = allowance_of(cast(User, request.user))
            said = f"{told} {in_words(allowance)}" if allowance.until else told
            self.message_user(request, said, messages.WARNING)
        else:
            self.log_change(request, account, f"Adjusted by {kept}: {adjustment.reason}")
            self.message_user(request, _("Adjusted by %s credits.") % amount, messages.SUCCESS)
