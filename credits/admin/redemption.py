"""Make batches of redemption codes, show the state of each code, and revoke them.

New codes are shown once, in the response to the form that made them. The files of them are made from what that page
sends back: the codes are stored nowhere.
"""

from __future__ import annotations

from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import F, Prefetch, QuerySet, Sum
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.cache import add_never_cache_headers
from django.utils.formats import number_format
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST
from unfold.decorators import display

from accounts.audit.recording import record_act
from accounts.downloads import as_file, file_headers
from accounts.models import User
from backoffice.actions import acted_on, back_to, dialog_action
from backoffice.columns import column
from backoffice.display import EMPTY, admin_page, chip, link_to, link_to_list
from backoffice.long_lists import LongListAdmin
from backoffice.read_only import StaffMayLook
from backoffice.tables import plain_table
from credits.admin.columns import once_per_row, written
from credits.admin.forms import ReasonForm
from credits.admin.redemption_forms import CodeBatchForm
from credits.formatting import credits_amount
from credits.redemption.codes import LAST
from credits.redemption.errors import BatchAlreadyMade, InvalidBatch
from credits.redemption.files import codes_csv, codes_pdf
from credits.redemption.making import NewBatch, make_batch, require_codes_of, revoke
from credits.redemption.models import Code, CodeBatch, Redemption

LISTED = 20


def _never(moment: Any) -> Any:
    return written(moment) if moment else _("never")


class Revocable:
    """A mixin for what can be revoked: a batch, or one code."""

    actions_detail = ["revoke"]

    def has_revoke_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("redemption.change_codebatch")

    @dialog_action(
        _("Revoke"),
        permission="revoke",
        title=_("Revoke for good?"),
        explained=_("Nothing more can be redeemed. Credits that were redeemed stay. This can’t be undone."),
        form=ReasonForm,
    )
    def revoke(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        page = cast(Any, self)
        row = acted_on(page, request, object_id)
        if revoke(row):
            page.log_change(request, row, f"Revoked: {form.cleaned_data['reason']}")
            messages.success(request, _("Revoked."))
        else:
            messages.warning(request, _("It was revoked before. Nothing changed."))
        return back_to(request, row)


@admin.register(CodeBatch)
class CodeBatchAdmin(Revocable, StaffMayLook):
    is_audited = True
    form = CodeBatchForm
    list_display = ["name", "credits_shown", "count", "uses", "state", "expires", "created_at", "created_by"]
    list_filter = ["created_at", "expires_at"]
    list_select_related = ["created_by"]
    search_fields = ["name"]
    search_help_text = _("Name.")
    warn_unsaved_form = True
    terms = ["name", "credits", "count", "uses", "last_day", "validity_days", "reason", "form_key"]
    fieldsets = [
        (None, {"fields": ["name", "state", "credits_shown", "count", "uses", "redeemed"]}),
        (_("Terms"), {"fields": ["expires", "validity_days"]}),
        (_("History"), {"fields": ["reason", "created_by", "created_at", "revoked_at"]}),
        (_("Codes"), {"fields": ["codes_shown", "codes_link"]}),
    ]

    credits_shown = column(_("credits per code"), "credits", credits_amount, ordering="credits")

    def get_fieldsets(self, request: HttpRequest, obj: CodeBatch | None = None) -> Any:
        return self.fieldsets if obj else [(None, {"fields": self.terms})]

    def get_readonly_fields(self, request: HttpRequest, obj: CodeBatch | None = None) -> list[str]:
        return [name for _title, options in self.fieldsets for name in options["fields"]] if obj else []

    def has_change_permission(self, request: HttpRequest, obj: CodeBatch | None = None) -> bool:
        return False

    has_delete_permission = has_change_permission

    @display(description=_("state"))
    def state(self, batch: CodeBatch) -> str:
        if batch.revoked_at:
            return chip(_("revoked"), "danger")
        return chip(_("expired"), "warning") if batch.has_expired else chip(_("active"), "success")

    @display(description=_("codes expire"), ordering="expires_at")
    def expires(self, batch: CodeBatch) -> Any:
        return _never(batch.expires_at)

    @display(description=_("redeemed"))
    @once_per_row
    def redeemed(self, batch: CodeBatch) -> str:
        uses = batch.codes.aggregate(taken=Sum(F("batch__uses") - F("uses_left")))["taken"] or 0
        return _("%(taken)s of %(all)s") % {
            "taken": number_format(uses, force_grouping=True),
            "all": number_format(batch.count * batch.uses, force_grouping=True),
        }

    @display(description=_("codes"))
    @once_per_row
    def codes_shown(self, batch: CodeBatch) -> str:
        codes = _with_first_redemption(batch.codes.select_related("batch").order_by("pk")[:LISTED])
        headers = (_("Code"), _("State"), _("Redeemed by"), _("Redeemed"))
        return plain_table(headers, [(link_to(code), _state_of(code), *_first_of(code)) for code in codes])

    @display(description=_("list"))
    def codes_link(self, batch: CodeBatch) -> str:
        return link_to_list(Code, _("All codes"), batch__id__exact=batch.pk)

    # --- A new batch ------------------------------------------------------------------------------------------------

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        # Their pages would come in place of the one with the codes.
        hidden = {"show_save_and_add_another": False, "show_save_and_continue": False}
        try:
            response: HttpResponse = super().add_view(request, form_url, {**(extra_context or {}), **hidden})
        except BatchAlreadyMade as error:
            messages.warning(request, error.message)
            return redirect("admin:redemption_codebatch_change", error.params["batch"])
        return response

    def save_form(self, request: HttpRequest, form: CodeBatchForm, change: bool) -> CodeBatch:
        form.new = make_batch(form.terms, cast(User, request.user))
        return form.new.batch

    def save_model(self, request: HttpRequest, obj: CodeBatch, form: CodeBatchForm, change: bool) -> None:
        """Leave the batch as `save_form` has made it, with its codes."""
        request.new_codes = form.new  # type: ignore[attr-defined]  # for response_add, which has no form

    def save_related(self, *args: Any, **kwargs: Any) -> None:
        """Save nothing more."""

    def response_add(
        self, request: HttpRequest, obj: CodeBatch, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the codes in this response only: a message, session or URL would store them."""
        new: NewBatch = request.new_codes  # type: ignore[attr-defined]  # see save_model
        context = {
            **self.admin_site.each_context(request),
            "title": _("New codes"),
            "batch": new.batch,
            "batch_url": admin_page(new.batch),
            "codes": "\n".join(new.codes),
            "files_url": reverse("admin:redemption_codebatch_file", args=[new.batch.pk]),
        }
        response = render(request, "admin/redemption/new_codes.html", context)
        add_never_cache_headers(response)
        return response

    def get_urls(self) -> list[URLPattern]:
        file = path(
            "<uuid:batch_id>/file",
            self.admin_site.admin_view(require_POST(sensitive_post_parameters("codes")(self.file_view))),
            name="redemption_codebatch_file",
        )
        return [file, *super().get_urls()]

    def file_view(self, request: HttpRequest, batch_id: Any) -> HttpResponseBase:
        """Return the codes of a new batch, sent from the page that shows them, as a CSV file or a PDF."""
        batch = acted_on(self, request, str(batch_id))
        if not self.has_add_permission(request):
            raise PermissionDenied
        try:
            codes = require_codes_of(batch, request.POST.get("codes", "").split())
        except InvalidBatch as error:
            messages.error(request, error.message)
            return redirect(admin_page(batch))
        kind = "pdf" if request.POST.get("kind") == "pdf" else "csv"
        record_act("downloaded", batch, {"file": f"codes.{kind}"})
        if kind == "csv":
            return as_file("codes", codes_csv(batch, codes))
        return HttpResponse(codes_pdf(batch, codes), "application/pdf", headers=file_headers("codes.pdf"))


@admin.register(Code)
class CodeAdmin(Revocable, LongListAdmin):
    is_audited = True
    asked_for = ("batch",)
    list_display = ["code_shown", "batch_link", "state", "uses_left", "first_user", "first_time"]
    list_display_links = None
    list_select_related = ["batch"]
    search_fields = ["last4"]  # see find
    search_help_text = _("The last four characters of a code.")
    fields = ["code_shown", "batch_link", "state", "uses_left", "revoked_at", "redemptions_shown"]
    readonly_fields = fields

    batch_link = column(_("batch"), "batch", link_to)

    def get_ordering(self, request: HttpRequest) -> list[str]:
        return ["-id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Code]:
        codes: QuerySet[Code] = super().get_queryset(request)
        return _with_first_redemption(codes.select_related("batch"))

    def find(self, queryset: QuerySet[Code], word: str) -> QuerySet[Code]:
        return queryset.filter(last4=word.upper()[-LAST:])

    @display(description=_("code"))
    def code_shown(self, code: Code) -> str:
        return link_to(code)

    @display(description=_("state"))
    def state(self, code: Code) -> str:
        return _state_of(code)

    @display(description=_("first redeemed by"))
    def first_user(self, code: Code) -> str:
        return _first_of(code)[0]

    @display(description=_("first redeemed"))
    def first_time(self, code: Code) -> str:
        return _first_of(code)[1]

    @display(description=_("latest redemptions"))
    @once_per_row
    def redemptions_shown(self, code: Code) -> str:
        latest = code.redemptions.select_related("user", "account__owner", "account__team").order_by("-use")
        headers = (_("Redeemed"), _("Redeemed by"), _("Account"), _("Entry"))
        return plain_table(
            headers,
            [
                (written(each.redeemed_at), link_to(each.user), link_to(each.account), _entry_link(each))
                for each in latest.select_related("entry")[:LISTED]
            ],
        )


def _entry_link(redemption: Redemption) -> str:
    return link_to(redemption.entry, f"#{redemption.entry_id}")


def _with_first_redemption(codes: QuerySet[Code]) -> QuerySet[Code]:
    first = Redemption.objects.filter(use=1).select_related("user")
    return codes.prefetch_related(Prefetch("redemptions", first, to_attr="first_redemptions"))


def _first_of(code: Code) -> tuple[str, str]:
    """Return who redeemed a code first, and when."""
    found: list[Redemption] = code.first_redemptions  # type: ignore[attr-defined]  # prefetched
    return (link_to(found[0].user), written(found[0].redeemed_at)) if found else (EMPTY, EMPTY)


def _state_of(code: Code) -> str:
    if code.revoked_at or code.batch.revoked_at:
        return chip(_("revoked"), "danger")
    if not code.uses_left:
        return chip(_("used up"))
    return chip(_("expired"), "warning") if code.batch.has_expired else chip(_("active"), "success")
