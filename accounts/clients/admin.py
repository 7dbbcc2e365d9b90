"""Show API clients and their keys in the admin. A new key is shown once, in the response that creates it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import quote
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from accounts.clients.api_keys import NewKey, create_key, revoke_key
from accounts.clients.errors import InvalidKeyRequest
from accounts.clients.forms import ApiClientForm, NewKeyForm
from accounts.clients.models import ApiClient, ApiKey
from backoffice.actions import acted_on, after_dialog
from backoffice.display import EMPTY, chip, link_to
from backoffice.read_only import ReadOnlyAdmin, ReadOnlyInline, StaffMayLook


def listed(scopes: list[str]) -> str:
    return ", ".join(scopes) or EMPTY


class KeyColumns:
    """Columns that describe a key, in its client's list and on its own page."""

    @display(description=_("prefix"))
    def prefix_shown(self, key: ApiKey) -> str:
        return link_to(key, f"pck_{key.prefix}_…")

    @display(description=_("scopes"))
    def scopes_shown(self, key: ApiKey) -> Any:
        return _("all client scopes") if key.scopes is None else listed(key.scopes)

    @display(description=_("state"))
    def state(self, key: ApiKey) -> str:
        if key.revoked_at:
            return chip(_("revoked"), "danger")
        return chip(_("active"), "success") if key.is_usable else chip(_("expired"), "warning")


class ApiKeyInline(KeyColumns, ReadOnlyInline):
    model = ApiKey
    fields = ["prefix_shown", "name", "scopes_shown", "state", "created_at", "expires_at", "last_used_at"]
    readonly_fields = fields
    verbose_name_plural = _("API keys")


@admin.register(ApiClient)
class ApiClientAdmin(StaffMayLook):
    """The admin of API clients: created, limited and switched off here; never deleted, as ledger entries name them."""

    is_audited = True
    form = ApiClientForm
    list_display = ["name", "oidc_client_id", "scopes_shown", "rate", "is_active", "last_used_at"]
    list_filter = ["is_active", "last_used_at"]
    search_fields = ["name", "oidc_client_id", "keys__prefix__exact"]
    search_help_text = _("Name, provider client ID, or key prefix.")
    inlines = [ApiKeyInline]
    actions_detail = ["create_key"]
    warn_unsaved_form = True
    readonly_fields = ["last_used_at", "created_at", "created_by"]

    def get_fieldsets(self, request: HttpRequest, obj: ApiClient | None = None) -> Any:
        fields = ["name", "oidc_client_id", "scopes", "requests_per_minute", "is_active"]
        if not self.has_change_permission(request, obj):
            fields[2] = "scopes_shown"
        use = [(_("Activity"), {"fields": self.readonly_fields})]
        return [(None, {"fields": fields}), *(use if obj else [])]

    def get_readonly_fields(self, request: HttpRequest, obj: ApiClient | None = None) -> list[str]:
        return [*self.readonly_fields, "scopes_shown"]

    def get_inlines(self, request: HttpRequest, obj: ApiClient | None) -> list[type[ApiKeyInline]]:
        return [ApiKeyInline] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: ApiClient | None = None) -> bool:
        return False

    def has_create_key_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("clients.add_apikey")

    def save_model(self, request: HttpRequest, obj: ApiClient, form: Any, change: bool) -> None:
        if not change:
            obj.created_by_id = request.user.pk
        super().save_model(request, obj, form, change)

    @display(description=_("scopes"))
    def scopes_shown(self, client: ApiClient) -> str:
        return listed(client.scopes)

    @display(description=_("requests per minute"), ordering="requests_per_minute")
    def rate(self, client: ApiClient) -> Any:
        return client.requests_per_minute or _("default")

    @action(
        description=_("Create key"),
        url_path="create-key",
        permissions=["create_key"],
        dialog={
            "title": _("Create a key"),
            "description": _("The key is shown once. Anyone with this key can use it."),
            "form_class": NewKeyForm,
            "form_submit_text": _("Create"),
        },
    )
    def create_key(self, request: HttpRequest, form: NewKeyForm, object_id: str) -> HttpResponse:
        client: ApiClient = acted_on(self, request, object_id)
        try:
            new = create_key(
                client, name=form.cleaned_data["name"], scopes=form.chosen_scopes, expires_at=form.expires_at
            )
        except InvalidKeyRequest as error:
            self.message_user(request, error.message, messages.ERROR)
            return after_dialog(request, _page_of(client))
        self.log_change(request, client, f"Created key {new.key}")
        return self._show_once(request, new)

    def _show_once(self, request: HttpRequest, new: NewKey) -> HttpResponse:
        """Show the secret in this response only: a message, session or URL would store it."""
        context = {
            **self.admin_site.each_context(request),
            "title": _("New key"),
            "key": new.key,
            "secret": new.secret,
            "client_url": _page_of(new.key.client),
        }
        answer = render(request, "admin/clients/new_key.html", context)
        # unfold puts the response into its dialog's form; this one replaces the whole dialog.
        answer["HX-Retarget"] = answer["HX-Reselect"] = "#dialog"
        answer["HX-Reswap"] = "outerHTML"
        add_never_cache_headers(answer)
        return answer


@admin.register(ApiKey)
class ApiKeyAdmin(KeyColumns, ReadOnlyAdmin):
    is_audited = True
    list_display = [
        "prefix_shown",
        "name",
        "client_link",
        "scopes_shown",
        "state",
        "expires_at",
        "last_used_at",
    ]
    list_display_links = None
    list_filter = ["client", "revoked_at", "expires_at", "last_used_at"]
    list_select_related = ["client"]
    search_fields = ["prefix__exact", "name", "client__name"]
    search_help_text = _("Prefix, name, or client name.")
    actions_detail = ["revoke"]
    fields = [
        "state",
        "prefix_shown",
        "name",
        "client_link",
        "scopes_shown",
        "created_at",
        "expires_at",
        "last_used_at",
        "revoked_at",
    ]
    readonly_fields = fields

    @display(description=_("client"), ordering="client__name")
    def client_link(self, key: ApiKey) -> str:
        return link_to(key.client)

    def has_revoke_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("clients.change_apikey")

    @action(
        description=_("Revoke"),
        url_path="revoke",
        permissions=["revoke"],
        dialog={
            "title": _("Revoke this key?"),
            "description": _("Requests with this key are refused from now on. This can’t be undone."),
            "form_class": None,
            "form_submit_text": _("Revoke"),
        },
    )
    def revoke(self, request: HttpRequest, form: Form, object_id: str) -> HttpResponse:
        key: ApiKey = acted_on(self, request, object_id)
        if revoke_key(key):
            self.log_change(request, key, "Revoked")
            self.log_change(request, key.client, f"Revoked key {key}")
            self.message_user(request, _("Key revoked."), messages.SUCCESS)
        else:
            self.message_user(request, _("The key was already revoked."), messages.WARNING)
        return after_dialog(request, reverse("admin:clients_apikey_change", args=[quote(key.pk)]))


def _page_of(client: ApiClient) -> str:
    return reverse("admin:clients_apiclient_change", args=[quote(client.pk)])
