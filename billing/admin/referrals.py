"""Show referrers and referrals, and let staff stop them."""

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
from backoffice.display import EMPTY, chip, link_to, link_to_list
from backoffice.long_lists import LongListAdmin
from billing.referrals.models import Referral, Referrer
from billing.referrals.staff import resume_referrer, stop_referral, stop_referrer
from core.uuids import as_uuid
from credits.admin.forms import ReasonForm
from credits.formatting import credits_amount

STATE_TONES: dict[str, str] = {
    Referral.State.PENDING: "warning",
    Referral.State.REWARDED: "success",
    Referral.State.REFUSED: "danger",
    Referral.State.CLAWED_BACK: "danger",
}


class MayStop(LongListAdmin):
    """An admin with buttons for those who may stop referrals."""

    is_audited = True
    actions_detail = ["stop"]

    def has_stop_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("referrals.stop_referrals")

    def told(
        self, request: HttpRequest, row: Any, done: bool, kept: str, shown: Any, reason: str
    ) -> HttpResponse:
        """Say whether something changed, and keep the reason in the page's history, which is for all staff."""
        if done:
            self.log_change(request, row, f"{kept}: {reason}")
            self.message_user(request, shown, messages.SUCCESS)
        else:
            self.message_user(request, _("That was done before. Nothing changed."), messages.INFO)
        return back_to(request, row)


@admin.register(Referrer)
class ReferrerAdmin(MayStop):
    actions_detail = ["stop", "resume"]
    ordering = ["-created_at", "-id"]
    list_display = ["created_at", "user_link", "code", "state", "referrals_link"]
    list_filter = [("stopped_at", admin.EmptyFieldListFilter)]
    search_fields = ["code"]
    search_help_text = _("Exact code, or the user’s name, email or ID.")
    list_select_related = ["user"]
    fields = ["user_link", "code", "state", "referrals_link", "stopped_at", "note", "created_at"]
    readonly_fields = fields

    user_link = column(_("user"), "user", link_to)

    def find(self, queryset: QuerySet[Referrer], word: str) -> QuerySet[Referrer]:
        named = Q(code=word) | Q(user__in=users_named(word))
        if identifier := as_uuid(word):
            named |= Q(user=identifier)
        return queryset.filter(named)

    @display(description=_("state"))
    def state(self, row: Referrer) -> str:
        return chip(_("Stopped"), "danger") if row.stopped_at else chip(_("Active"), "success")

    @display(description=_("referrals"))
    def referrals_link(self, row: Referrer) -> str:
        return link_to_list(Referral, _("All referrals"), referrer__id__exact=row.pk)

    @dialog_action(
        _("Stop"),
        permission="stop",
        title=_("Stop this referrer?"),
        explained=_("The link refers nobody any more, and what isn’t rewarded yet is refused. Rewards stay."),
        form=ReasonForm,
    )
    def stop(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        row: Referrer = acted_on(self, request, object_id)
        reason = form.cleaned_data["reason"]
        return self.told(request, row, stop_referrer(row.pk, reason), "Stopped", _("Stopped"), reason)

    @dialog_action(
        _("Resume"),
        permission="stop",
        title=_("Let this user refer others again?"),
        explained=_("The link refers new users again. What was refused stays refused."),
        form=ReasonForm,
    )
    def resume(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        row: Referrer = acted_on(self, request, object_id)
        reason = form.cleaned_data["reason"]
        return self.told(request, row, resume_referrer(row.pk, reason), "Resumed", _("Resumed"), reason)


@admin.register(Referral)
class ReferralAdmin(MayStop):
    asked_for = ("referrer",)
    ordering = ["-created_at", "-id"]
    list_display = ["created_at", "referrer_link", "referred_link", "state_chip", "reason", "due_at"]
    list_filter = ["state", "reason"]
    search_fields = ["id"]
    search_help_text = _("Exact ID or code, or either user’s name, email or ID.")
    list_select_related = ["referrer__user", "referred"]
    fields = [
        "state_chip", "reason", "note", "referrer_link", "code_link", "referred_link", "purchase_link", "due_at",
        "rewarded_at", "rewards_shown", "created_at", "id",
    ]  # fmt: skip
    readonly_fields = fields

    state_chip = chip_column("state", STATE_TONES)
    referrer_link = column(_("referrer"), "referrer.user", link_to)
    code_link = column(_("code"), "referrer", link_to)
    referred_link = column(_("referred user"), "referred", link_to)
    purchase_link = column(_("first purchase"), "purchase", link_to)

    def find(self, queryset: QuerySet[Referral], word: str) -> QuerySet[Referral]:
        users = users_named(word)
        named = Q(referrer__code=word) | Q(referrer__user__in=users) | Q(referred__in=users)
        if identifier := as_uuid(word):
            named |= Q(pk=identifier) | Q(referrer__user=identifier) | Q(referred=identifier)
        return queryset.filter(named)

    @display(description=_("rewards"))
    def rewards_shown(self, row: Referral) -> str:
        shown = (
            (link_to(reward.account), credits_amount(reward.amount), link_to(reward.lot))
            for reward in row.rewards.select_related("account__owner", "account__team", "lot")
        )
        return format_html_join("", "<p>{} · {} · {}</p>", shown) or EMPTY

    @dialog_action(
        _("Stop"),
        permission="stop",
        title=_("Stop this referral?"),
        explained=_("It isn’t rewarded. What is left of a reward is clawed back from both, for good."),
        form=ReasonForm,
    )
    def stop(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        row: Referral = acted_on(self, request, object_id)
        reason = form.cleaned_data["reason"]
        return self.told(request, row, stop_referral(row.pk, reason), "Stopped", _("Stopped"), reason)
