"""Show the audit in the admin: what was done, by whom and from where."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.audit.filters import ActFilter, KindFilter, WhoFilter
from accounts.audit.models import AuditEntry
from accounts.audit.selectors import entries_named, names_of
from accounts.audit.wording import act_in_words, changes_of, detail_of, kind_in_words, model_of, people_in
from accounts.models import User
from backoffice.display import EMPTY, chip, in_words, link_to, link_to_list, shortened
from backoffice.long_lists import LongChangeList, LongListAdmin
from backoffice.period_filter import PeriodFilter
from backoffice.read_only import is_staff

PERMISSION = "audit.view_auditentry"
CHANGES_IN_LIST = 5
PAGE_IN_LIST = 32


class AuditList(LongChangeList):
    def get_results(self, request: HttpRequest) -> None:
        """Look up the user names of a whole page in one query."""
        super().get_results(request)
        name_people(self.result_list)


@admin.register(AuditEntry)
class AuditEntryAdmin(LongListAdmin):
    asked_for = ("object_id",)
    list_display = ["at", "who", "what", "changes_in_short", "request_origin"]
    list_display_links = ["at"]
    list_filter = [WhoFilter, KindFilter, ActFilter, ("at", PeriodFilter)]
    list_filter_submit = True
    list_filter_sheet = True
    search_fields = ["id"]  # see get_search_results
    search_help_text = _("Exact user, object, request ID or IP address.")
    ordering = ["-at", "-id"]
    fieldsets = [
        (None, {"fields": ["at", "who", "what", "changes", "detail"]}),
        (_("Origin"), {"fields": ["request_link", "address_link", "page"]}),
        (_("Process"), {"fields": ["cause_shown", "program", "database_role"]}),
    ]
    readonly_fields = [name for _title, options in fieldsets for name in options["fields"]]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[AuditList]:
        return AuditList

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may_read(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Require the audit's own permission: it shows what other staff do."""
        return may_read(request)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        entry = super().get_object(request, object_id, from_field)
        name_people([entry] if entry else [])
        return entry

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditEntry], search_term: str
    ) -> tuple[QuerySet[AuditEntry], bool]:
        word = search_term.strip()
        return (entries_named(queryset, word) if word else queryset), False

    @display(description=_("actor"))
    def who(self, entry: AuditEntry) -> str:
        if entry.actor_id is None:
            said = self.cause_shown(entry) if entry.cause else entry.program
            return chip(said) if said else EMPTY
        name = names(entry).get(str(entry.actor_id))
        return link_to(User(pk=entry.actor_id), name) if name else shortened(str(entry.actor_id), 12)

    @display(description=_("action"))
    def what(self, entry: AuditEntry) -> str:
        """Return the action in words, such as "Changed package starter"."""
        act, kind = act_in_words(entry.act), kind_in_words(entry.kind)
        what = gettext("%(act)s %(kind)s %(object)s") % {"act": "{}", "kind": "{}", "object": "{}"}
        return format_html(what, act, kind, object_shown(entry))

    @display(description=_("changes"))
    def changes_in_short(self, entry: AuditEntry) -> str:
        rows = changes_of(entry, names(entry))
        if not rows:
            aside: str = self.detail(entry)
            return aside
        url = reverse("admin:audit_auditentry_change", args=[entry.pk])
        shown = {"rows": rows[:CHANGES_IN_LIST], "more": len(rows[CHANGES_IN_LIST:]), "url": url}
        sides = {"has_before": entry.before is not None, "has_after": entry.after is not None}
        return render_to_string("admin/audit/changes_in_short.html", {**shown, **sides})

    @display(description=_("changes"))
    def changes(self, entry: AuditEntry) -> str:
        rows = changes_of(entry, names(entry))
        return render_to_string("admin/audit/changes.html", {"rows": rows}) if rows else EMPTY

    @display(description=_("detail"))
    def detail(self, entry: AuditEntry) -> str:
        about = detail_of(entry, names(entry))
        return render_to_string("admin/audit/detail.html", {"detail": about}) if about else EMPTY

    @display(description=_("origin"))
    def request_origin(self, entry: AuditEntry) -> str:
        parts = {"address": self.address_link(entry), "request": self.request_link(entry, 12)}
        more = {"page": shortened(entry.page, PAGE_IN_LIST), "empty": EMPTY}
        return render_to_string("admin/audit/request_origin.html", {**parts, **more})

    @display(description=_("IP address"))
    def address_link(self, entry: AuditEntry) -> str:
        return link_to_list(AuditEntry, entry.address, q=entry.address) if entry.address else EMPTY

    @display(description=_("request"))
    def request_link(self, entry: AuditEntry, most: int = 40) -> str:
        if not entry.request_id:
            return EMPTY
        return link_to_list(AuditEntry, shortened(entry.request_id, most), q=entry.request_id)

    @display(description=_("cause"))
    def cause_shown(self, entry: AuditEntry) -> str:
        return in_words(entry.cause) if entry.cause else EMPTY


def may_read(request: HttpRequest) -> bool:
    return is_staff(request) and request.user.has_perm(PERMISSION)


def name_people(entries: list[AuditEntry]) -> None:
    """Attach the names of all users that the entries mention, in one query."""
    found = names_of(person for entry in entries for person in people_in(entry))
    for entry in entries:
        entry.names = found  # type: ignore[attr-defined]  # for the columns of this page


def names(entry: AuditEntry) -> dict[str, str]:
    found: dict[str, str] = getattr(entry, "names", {})
    return found


def object_shown(entry: AuditEntry) -> str:
    """Return the object's name, linked to its page if it has one."""
    name = entry.object_name or names(entry).get(entry.object_id) or shortened(entry.object_id, 16)
    model = model_of(entry.kind)
    if model is None or not entry.object_id or entry.act == "deleted" or not admin.site.is_registered(model):
        return name
    return link_to(model(pk=entry.object_id), name)
