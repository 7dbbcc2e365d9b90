"""Export and erase a user's personal data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected
from django.contrib.admin.utils import quote, unquote
from django.db.models import QuerySet
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from accounts.admin import UserAdmin
from accounts.downloads import record_download
from accounts.email_addresses import is_same_address
from accounts.errors import ErasureBlocked, UserErased
from accounts.models import User
from accounts.suspension import restore_user, suspend_user
from backoffice.actions import acted_on, back_to, dialog_action, row_of
from billing.pages.views import export_response
from billing.privacy.erasure import Erased, erase_user, must_be_erased, plan_erasure
from credits.formatting import credits_amount


class EraseForm(BaseDialogForm):  # type: ignore[misc]  # unfold is untyped
    """The erasure dialog's form, below a preview of deletions, obstacles and steps to take at Stripe."""

    form_before_template = "admin/billing/erasure_plan.html"

    confirmation = forms.CharField(
        label=_("Email, or username if none"),
        max_length=254,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Type it to confirm; this can’t be undone."),
    )
    forfeit = forms.BooleanField(
        label=_("Forfeit remaining paid credits"), required=False, widget=UnfoldBooleanWidget
    )

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.user = row_of(User, self)

    def get_before_template_context(self, request: HttpRequest, object_id: Any = None) -> dict[str, Any]:
        return {"plan": plan_erasure(self.user, forfeit=True)}

    def clean_confirmation(self) -> str:
        typed: str = self.cleaned_data["confirmation"]
        if not is_same_address(typed, self.user.email or self.user.username):
            raise forms.ValidationError(_("That doesn’t match the user’s email or username."))
        return typed


ERASE_INSTEAD = _(
    "Nothing was deleted. These users have an account, purchases or a team: %(names)s. Use Erase on "
    "their pages instead."
)

admin.site.unregister(User)


@admin.register(User)
class PersonAdmin(UserAdmin):
    """The user's page of `accounts`, with what depends on every app."""

    actions = ["delete_selected"]
    actions_detail = ["suspend", "restore", "export", "erase"]
    change_form_before_template = "admin/accounts/erase_instead.html"

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        """Hide all actions for an erased user, and what the user already is."""
        user = self.get_object(request, unquote(str(object_id)))
        if user is None or user.erased_at is not None:
            return []
        done = "restore" if user.is_active else "suspend"
        actions = super().get_actions_detail(request, object_id)
        return [each for each in actions if not each.action_name.endswith(f"_{done}")]

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or obj.erased_at is None:
            return fieldsets
        return ((None, {"fields": ("username", "erased_at", "see_also")}),)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        return (*super().get_readonly_fields(request, obj), "erased_at")

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Refuse to change an erased user."""
        return super().has_change_permission(request, obj) and (obj is None or obj.erased_at is None)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Refuse to delete a user with financial records or a team, who must be erased instead."""
        return super().has_delete_permission(request, obj) and (obj is None or not must_be_erased(obj))

    @admin.action(description=_("Delete selected users"), permissions=["delete"])
    def delete_selected(self, request: HttpRequest, queryset: QuerySet[User]) -> HttpResponseBase | None:
        """Delete as Django's action does, but nobody if one of the users must be erased instead."""
        kept = [user.get_username() for user in queryset if must_be_erased(user)]
        if not kept:
            return delete_selected(self, request, queryset)
        self.message_user(request, ERASE_INSTEAD % {"names": ", ".join(kept)}, messages.ERROR)
        return None

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        user = self.get_object(request, unquote(object_id))
        if user is None or not super().has_delete_permission(request, user) or not must_be_erased(user):
            return super().delete_view(request, object_id, extra_context)
        self.message_user(request, ERASE_INSTEAD % {"names": user.get_username()}, messages.ERROR)
        return redirect("admin:accounts_user_change", quote(user.pk))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        user = self.get_object(request, unquote(object_id))
        told = {
            # Shown to those who would look for the delete button.
            "erase_instead": user is not None
            and user.erased_at is None
            and super().has_delete_permission(request, user)
            and must_be_erased(user),
            "may_erase": self.has_erase_permission(request, object_id),
        }
        return super().change_view(request, object_id, form_url, {**told, **(extra_context or {})})

    @action(description=_("Download all data"), url_path="export", permissions=["accounts.export_user"])
    def export(self, request: HttpRequest, object_id: str) -> FileResponse:
        user: User = acted_on(self, request, object_id)
        record_download(request, user, "personal data")
        return export_response(request, user)

    def has_erase_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Allow erasing others only, and superusers only to superusers."""
        if not request.user.has_perm("accounts.erase_user"):
            return False
        user = self.get_object(request, unquote(str(object_id))) if object_id else None
        return user is None or (user.pk != request.user.pk and not self._is_out_of_reach(request, user))

    def has_suspend_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Allow suspending others only, and staff only to those who may change them."""
        if not request.user.has_perm("accounts.suspend_user"):
            return False
        user = self.get_object(request, unquote(str(object_id))) if object_id else None
        if user is None or not user.is_staff:
            return True
        return user.pk != request.user.pk and self.has_change_permission(request, user)

    @dialog_action(
        _("Suspend"),
        permission="suspend",
        title=_("Suspend this user?"),
        explained=_(
            "Ends their sessions and refuses sign-ins and tokens until you restore the user. Credits, "
            "purchases and teams stay as they are."
        ),
    )
    def suspend(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        return self._change_access(request, object_id, suspend_user, "Suspended", _("Suspended."))

    @dialog_action(
        _("Restore"),
        permission="suspend",
        title=_("Restore this user?"),
        explained=_("Lets the user sign in again."),
    )
    def restore(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        return self._change_access(request, object_id, restore_user, "Restored", _("Restored."))

    def _change_access(
        self, request: HttpRequest, object_id: str, change: Callable[[UUID], None], act: str, told: Any
    ) -> HttpResponse:
        user: User = acted_on(self, request, object_id)
        try:
            change(user.pk)
        except UserErased as error:
            self.message_user(request, error.message, messages.ERROR)
        else:
            self.log_change(request, user, act)
            self.message_user(request, told, messages.SUCCESS)
        return back_to(request, user)

    @dialog_action(
        _("Erase"),
        permission="erase",
        title=_("Erase this user’s personal data?"),
        explained=_("Deletes personal data; records are kept anonymized."),
        form=EraseForm,
        button=_("Erase permanently"),
    )
    def erase(self, request: HttpRequest, form: EraseForm, object_id: str) -> HttpResponse:
        user: User = acted_on(self, request, object_id)
        try:
            erased = erase_user(user.pk, forfeit=form.cleaned_data["forfeit"])
        except ErasureBlocked as error:
            self.log_change(request, user, f"Erasure blocked: {', '.join(error.params['obstacles'])}")
            self.message_user(request, error.message, messages.ERROR)
        else:
            self.log_change(request, cast(User, self.get_object(request, str(user.pk))), "Erased")
            self.message_user(request, _outcome(erased), messages.SUCCESS)
        return back_to(request, user)


def _outcome(erased: Erased) -> str:
    if erased.repeated:
        return str(_("This user was already erased."))
    told = str(_("Erased. %s credits were forfeited.") % credits_amount(erased.forfeited))
    if erased.to_redact:
        told += " " + str(_("Now redact in Stripe: %s") % ", ".join(erased.to_redact))
    return told
