"""Show holds, with a button to release one."""

from __future__ import annotations

from typing import Any, cast

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.utils import quote
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override
from unfold.decorators import action, display

from accounts.clients.models import ApiClient
from accounts.models import User
from backoffice.actions import acted_on, after_dialog
from backoffice.display import EMPTY, link_to, shortened
from backoffice.long_lists import LongListAdmin
from backoffice.tables import plain_table
from credits.admin.columns import (
    LedgerColumns,
    amount_column,
    column,
    hold_chip,
    hold_ends,
    lot_expires,
    lot_left,
    once_per_row,
    written,
)
from credits.admin.forms import ReasonForm
from credits.admin.state_filter import ALL, StateFilter
from credits.errors import LedgerError
from credits.formatting import credits_amount, credits_change
from credits.ledger.models import Hold, Lot
from credits.ledger.own_account import may_act_on
from credits.ledger.results import Release
from credits.ledger.staff_releases import release_hold
from credits.statement.traces import captures_of, rows_named

OPEN, OVERDUE = "open", "overdue"


class HoldStateFilter(StateFilter):
    """Shows open holds by default."""

    default = OPEN
    states = [
        (OPEN, _("Open")),
        (OVERDUE, _("Overdue")),
        *((status.value, status.label) for status in Hold.Status if status is not Hold.Status.OPEN),
    ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Hold]) -> QuerySet[Hold]:
        shown = self.shown(request)
        if shown == ALL:
            return queryset
        if shown == OVERDUE:
            return queryset.filter(status=Hold.Status.OPEN, expires_at__lte=Now())
        return queryset.filter(status=shown)


@admin.register(Hold)
class HoldAdmin(LedgerColumns, LongListAdmin):
    is_audited = True
    asked_for = ("account",)
    list_display = [
        "created_at",
        "account_link",
        "amount_shown",
        "remaining_shown",
        "captured_shown",
        "status_chip",
        "ends",
        "reference_shown",
    ]
    list_filter = [HoldStateFilter]
    search_fields = ["id"]  # see get_search_results
    search_help_text = _("Exact hold or account ID, owner’s email, team, key, or reference.")
    list_select_related = ["account__owner", "account__team"]
    list_before_template = "admin/credits/which_holds.html"
    actions_detail = ["release"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "account_link",
                    "status_chip",
                    "amount_shown",
                    "remaining_shown",
                    "captured_shown",
                    "ends",
                ]
            },
        ),
        (
            _("Details"),
            {
                "fields": [
                    "reference",
                    "key",
                    "client_shown",
                    "overrun_shown",
                    "created_at",
                    "expires_at",
                    "closed_at",
                    "metadata_shown",
                    "id",
                    "see_also",
                ]
            },
        ),
        (_("Captures"), {"fields": ["captures_shown"]}),
        (_("Lots"), {"fields": ["lots_shown"]}),
    ]
    readonly_fields = [name for _title, options in fieldsets for name in options["fields"]]

    status_chip = column(_("status"), hold_chip)
    ends = column(_("time left"), hold_ends)
    amount_shown = amount_column(_("amount"), "amount")
    remaining_shown = amount_column(_("still held"), "remaining")
    captured_shown = amount_column(_("captured"), "captured")

    def get_ordering(self, request: HttpRequest) -> list[str]:
        """List open ones by expiry, the soonest first; others by creation, the newest first."""
        return (
            ["expires_at", "id"]
            if HoldStateFilter.shown(request) in (OPEN, OVERDUE)
            else ["-created_at", "-id"]
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Hold], search_term: str
    ) -> tuple[QuerySet[Hold], bool]:
        return rows_named(queryset, search_term.strip()), False

    @display(description=_("API client"))
    @once_per_row
    def client_shown(self, hold: Hold) -> str:
        client = hold.client and ApiClient.objects.filter(pk=hold.client).first()
        return link_to(client, client.name) if client else EMPTY

    @display(description=_("overrun"))
    def overrun_shown(self, hold: Hold) -> Any:
        if hold.overrun == Hold.Overrun.DEBT:
            return _("left as debt if the balance doesn’t cover it")
        return _("refused if the balance doesn’t cover it")

    @display(description=_("captures"))
    @once_per_row
    def captures_shown(self, hold: Hold) -> str:
        captures = captures_of(hold)
        rows = [
            (link_to(entry, shortened(entry.key)), credits_change(entry.amount), written(entry.created_at))
            for entry in captures.entries
        ]
        if captures.elsewhere:
            rows.append((str(_("Earlier entries")), credits_change(-captures.elsewhere), EMPTY))
        return plain_table([_("Entry"), _("Amount"), _("Date")], rows)

    @display(description=_("lots"))
    @once_per_row
    def lots_shown(self, hold: Hold) -> str:
        lots = Lot.objects.in_bulk(hold.lots)
        rows = [
            (
                link_to(lots[pk], f"#{pk}"),
                credits_amount(pinned) if pinned else EMPTY,
                lot_left(lots[pk]),
                lot_expires(lots[pk]),
            )
            for pk, pinned in zip(hold.lots, hold.pinned, strict=True)
        ]
        return plain_table([_("Lot"), _("Held"), _("Remaining"), _("Expires")], rows)

    def has_release_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("credits.change_hold")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        """Hide the button on a hold with nothing left and on your own credits. Its URL remains and explains why."""
        hold = self.get_object(request, object_id)
        if hold is None or hold.closed_at or not may_act_on(hold.account_id, cast(User, request.user)):
            return []
        return super().get_actions_detail(request, object_id)

    @action(
        description=_("Release"),
        url_path="release",
        permissions=["release"],
        dialog={
            "title": _("Release this hold?"),
            "description": _(
                "The held credits can be spent again at once. Ongoing work can no longer be charged to this hold."
            ),
            "form_class": ReasonForm,
            "form_submit_text": _("Release"),
        },
    )
    def release(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        hold: Hold = acted_on(self, request, object_id)
        reason = form.cleaned_data["reason"]
        try:
            released = release_hold(hold, cast(User, request.user), reason)
        except LedgerError as error:
            self.log_change(request, hold, f"Release failed: {error.code}")
            self.message_user(request, error.message, messages.ERROR)
        else:
            self._tell(request, hold, released, reason)
        return after_dialog(request, reverse("admin:credits_hold_change", args=[quote(hold.pk)]))

    def _tell(self, request: HttpRequest, hold: Hold, released: Release, reason: str) -> None:
        if released.repeated:
            self.message_user(request, _("Nothing was held anymore."), messages.WARNING)
            return
        amount = credits_amount(released.released)
        with override(settings.LANGUAGE_CODE):  # the history is for all staff
            self.log_change(request, hold, f"Released {credits_amount(released.released)}: {reason}")
        self.message_user(request, _("Released: %s credits are available again.") % amount, messages.SUCCESS)
