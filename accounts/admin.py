"""People in the staff's admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts.models import User
from backoffice.read_only import StaffMayLook

# The provider says these anew at each sign-in: editing them here would last until the next one.
DECIDED_BY_PROVIDER = ("username", "email", "first_name", "last_name", "is_staff", "is_superuser")
ALWAYS_READ_ONLY = ("see_also", "last_login", "date_joined", "oidc_sub", "claims_issued_at")

_names = (_("Personal info"), {"fields": ("first_name", "last_name", "email")})
_rights = (
    _("Permissions"),
    {"fields": ("is_active", "is_staff", "is_superuser", "groups")},
)
_dates = (_("Important dates"), {"fields": ("last_login", "date_joined")})
_related = (_("Credits"), {"fields": ("see_also",)})
_provider = (_("OpenID provider"), {"fields": ("oidc_sub", "claims_issued_at")})

admin.site.unregister(Group)


class ManagedByProviderFilter(admin.SimpleListFilter):
    title = _("sign-in method")
    parameter_name = "signs_in_with"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("provider", _("OpenID provider")), ("password", _("Password"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() is None:
            return queryset
        return queryset.filter(oidc_sub__isnull=self.value() == "password")


@admin.register(User)
class UserAdmin(DjangoUserAdmin, StaffMayLook):  # type: ignore[type-arg]  # not subscriptable at run time
    """Search, switch off, put into groups. What the provider decides is shown and not edited.

    Rights come by group, so that two people with one job have the same ones.
    """

    is_audited = True
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "first_name", "last_name", "is_active", "is_staff", "is_superuser")
    filter_horizontal = ()
    autocomplete_fields = ("groups",)
    list_filter = ("is_active", "is_staff", "is_superuser", ManagedByProviderFilter, "groups")
    search_fields = ("username", "email", "first_name", "last_name", "oidc_sub")
    ordering = ("username",)

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        if obj is None:
            return super().get_fieldsets(request, obj)
        if obj.is_managed_by_provider:
            return ((None, {"fields": ("username",)}), _names, _related, _rights, _provider, _dates)
        if not self.has_change_permission(request, obj):
            return ((None, {"fields": ("username",)}), _names, _related, _rights, _dates)
        return ((None, {"fields": ("username", "password")}), _names, _related, _rights, _dates)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        managed = DECIDED_BY_PROVIDER if obj and obj.is_managed_by_provider else ()
        return (*ALWAYS_READ_ONLY, *managed, *self._rights_out_of_reach(request))

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Only superusers change superusers: whoever may set one's password could otherwise become one."""
        if obj is not None and self._is_out_of_reach(request, obj):
            return False
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Who did something here is switched off and not deleted: what they did would be deleted with them."""
        if obj is not None and (
            self._is_out_of_reach(request, obj) or LogEntry.objects.filter(user=obj).exists()
        ):
            return False
        return super().has_delete_permission(request, obj)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """Not for the provider's people: a password would be a second way in, past the provider."""
        user = self.get_object(request, id)
        if isinstance(user, User) and user.is_managed_by_provider:
            raise PermissionDenied
        return super().user_change_password(request, id, form_url)

    def _is_out_of_reach(self, request: HttpRequest, user: User) -> bool:
        return user.is_superuser and not _is_superuser(request)

    def _rights_out_of_reach(self, request: HttpRequest) -> tuple[str, ...]:
        """Only a superuser hands out rights: whoever may edit users could otherwise make himself one."""
        if _is_superuser(request):
            return ()
        return ("is_staff", "is_superuser", "groups")


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, StaffMayLook):  # type: ignore[misc]  # unfold is untyped
    """Who may do what. For superusers: whoever edits the group they are in gives themselves every right."""

    is_audited = True

    def has_add_permission(self, request: HttpRequest) -> bool:
        return _is_superuser(request)

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return _is_superuser(request)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return _is_superuser(request)


def _is_superuser(request: HttpRequest) -> bool:
    return bool(request.user.is_active and getattr(request.user, "is_superuser", False))
