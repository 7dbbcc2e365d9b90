"""Show subscriptions, with their terms and invoices, and let staff cancel them for their subscribers."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.search import users_named
from backoffice.actions import acted_on, back_to, dialog_action
from backoffice.columns import chip_column, column
from backoffice.display import EMPTY, chip, link_to
from backoffice.long_lists import LongListAdmin
from billing.admin.customer_links import customer_column
from billing.errors import BillingError
from billing.subscriptions.models import Subscription, SubscriptionInvoice
from billing.subscriptions.staff import set_ending_for
from core.uuids import as_uuid
from credits.admin.forms import ReasonForm
from credits.formatting import credits_amount

TONES: dict[str, str] = {
    Subscription.Status.ACTIVE: "success",
    Subscription.Status.TRIALING: "info",
    Subscription.Status.PAST_DUE: "danger",
    Subscription.Status.UNPAID: "danger",
    Subscription.Status.INCOMPLETE: "warning",
}
# By Stripe's statuses of an invoice.
INVOICE_STATES: dict[str, tuple[Any, str | None]] = {
    "draft": (_("Draft"), None),
    "open": (_("Open"), "warning"),
    "paid": (_("Paid"), "success"),
    "uncollectible": (_("Uncollectible"), "danger"),
    "void": (_("Void"), None),
}


def invoice_state(invoice: SubscriptionInvoice) -> tuple[Any, str | None]:
    """Return an invoice's status in words, and the tone of its chip."""
    if invoice.status == "open" and invoice.attempted:
        return _("Not collected"), "danger"
    return INVOICE_STATES.get(invoice.status, (invoice.status, None))


@admin.register(Subscription)
class SubscriptionAdmin(LongListAdmin):
    is_audited = True
    asked_for = ("account",)
    actions_detail = ["cancel", "keep"]
    ordering = ["-created_at", "-id"]
    list_display = ["created_at", "account_link", "plan", "status_chip", "period_end", "cancel_at_period_end"]
    list_filter = ["status"]
    search_fields = ["id"]
    search_help_text = _("Exact ID, Stripe subscription or session ID, or subscriber’s name or email.")
    list_select_related = ["account", "created_by"]
    fields = [
        "status_chip", "plan", "promised", "customer_link", "account_link", "subscriber", "period_start", "period_end",
        "cancel_at_period_end", "ended_at", "created_at", "asked_at", "invoices_shown", "stripe_subscription_id",
        "stripe_session_id", "stripe_price_id", "id",
    ]  # fmt: skip
    readonly_fields = fields

    status_chip = chip_column("status", TONES)
    account_link = column(_("account"), "account", link_to)
    customer_link = customer_column("account_id")
    subscriber = column(_("subscribed by"), "created_by", link_to)
    plan = column(_("plan"), "terms.plan_name")

    def get_queryset(self, request: object) -> QuerySet[Subscription]:
        rows: QuerySet[Subscription] = super().get_queryset(request)
        return rows.prefetch_related("all_terms")

    def find(self, queryset: QuerySet[Subscription], word: str) -> QuerySet[Subscription]:
        named = (
            Q(stripe_subscription_id=word)
            | Q(stripe_session_id=word)
            | Q(created_by__in=users_named(word))
            | Q(account__owner__in=users_named(word))
        )
        if identifier := as_uuid(word):
            named |= Q(pk=identifier) | Q(account=identifier)
        return queryset.filter(named)

    @display(description=_("promised"))
    def promised(self, row: Subscription) -> str:
        terms = row.terms
        return _("%(credits)s credits a month for %(price)s") % {
            "credits": credits_amount(terms.credits),
            "price": terms.price,
        }

    @display(description=_("invoices"))
    def invoices_shown(self, row: Subscription) -> str:
        shown = (
            (
                invoice.issued_at.date(),
                invoice.amount,
                chip(*invoice_state(invoice)),
                link_to(invoice.purchase),
            )
            for invoice in row.invoices.select_related("purchase")
        )
        return format_html_join("", "<p>{} · {} · {} · {}</p>", shown) or EMPTY

    def has_cancel_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("subscriptions.cancel_subscription")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        """Hide what the subscription already does. The URLs remain, and explain it to those who come too late."""
        row = self.get_object(request, object_id)
        if row is None or not row.is_alive or row.stripe_subscription_id is None:
            return []
        hidden = "cancel" if row.cancel_at_period_end else "keep"
        actions = super().get_actions_detail(request, object_id)
        return [each for each in actions if not each.action_name.endswith(f"_{hidden}")]

    @dialog_action(
        _("Cancel plan"),
        permission="cancel",
        title=_("Cancel this plan?"),
        explained=_(
            "It ends with the period that was paid for. Credits stay as they are; nothing is refunded."
        ),
        form=ReasonForm,
        button=_("End with its period"),  # beside the dialog’s own “Cancel”
    )
    def cancel(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        return self._set_ending(request, form, object_id, ends=True)

    @dialog_action(
        _("Keep plan"),
        permission="cancel",
        title=_("Keep this plan?"),
        explained=_("It goes on, and is charged again at the end of its period."),
        form=ReasonForm,
    )
    def keep(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        return self._set_ending(request, form, object_id, ends=False)

    def _set_ending(
        self, request: HttpRequest, form: ReasonForm, object_id: str, *, ends: bool
    ) -> HttpResponse:
        row: Subscription = acted_on(self, request, object_id)
        reason = form.cleaned_data["reason"]
        try:
            set_ending_for(row.pk, reason, ends=ends)
        except BillingError as error:
            self.log_change(request, row, f"{'Cancel' if ends else 'Keep'} failed: {error.code}")
            self.message_user(request, error.for_staff, messages.ERROR)
        else:
            self.log_change(request, row, f"{'Canceled' if ends else 'Kept'}: {reason}")
            told = _("Canceled: the plan ends with its period.") if ends else _("Kept: the plan goes on.")
            self.message_user(request, told, messages.SUCCESS)
        return back_to(request, row)
