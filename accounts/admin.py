"""People in the staff's admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts.models import User

# The provider says these anew at each sign-in: editing them here would last until the next one.
DECIDED_BY_PROVIDER = ("username", "email", "first_name", "last_name", "is_staff", "is_superuser")
ALWAYS_READ_ONLY = ("last_login", "date_joined", "oidc_sub", "claims_issued_at")

_names = (_("Personal info"), {"fields": ("first_name", "last_name", "email")})
_rights = (
    _("Permissions"),
    {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")},
)
_dates = (_("Important dates"), {"fields": ("last_login", "date_joined")})
_provider = (_("OpenID provider"), {"fields": ("oidc_sub", "claims_issued_at")})

admin.site.unregister(Group)


class ManagedByProviderFilter(admin.SimpleListFilter):
    title = _("signs in with")
    parameter_name = "signs_in_with"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("provider", _("OpenID provider")), ("password", _("password"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() is None:
            return queryset
        return queryset.filter(oidc_sub__isnull=self.value() == "password")


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):  # type: ignore[type-arg,misc]  # unfold is untyped
    """Search, switch off, put into groups. What the provider decides is shown and not edited."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "first_name", "last_name", "is_active", "is_staff", "is_superuser")
    list_filter = ("is_active", "is_staff", "is_superuser", ManagedByProviderFilter, "groups")
    search_fields = ("username", "email", "first_name", "last_name", "oidc_sub")
    ordering = ("username",)

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        if obj is None:
            return super().get_fieldsets(request, obj)
        if obj.is_managed_by_provider:
            return ((None, {"fields": ("username",)}), _names, _rights, _provider, _dates)
        return ((None, {"fields": ("username", "password")}), _names, _rights, _dates)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        managed = DECIDED_BY_PROVIDER if obj and obj.is_managed_by_provider else ()
        return (*ALWAYS_READ_ONLY, *managed, *self._rights_out_of_reach(request))

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Only superusers change superusers: whoever may set one's password could otherwise become one."""
        if obj is not None and obj.is_superuser and not getattr(request.user, "is_superuser", False):
            return False
        return super().has_change_permission(request, obj)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """Not for the provider's people: a password would be a second way in, past the provider."""
        user = self.get_object(request, id)
        if isinstance(user, User) and user.is_managed_by_provider:
            raise PermissionDenied
        return super().user_change_password(request, id, form_url)

    def _rights_out_of_reach(self, request: HttpRequest) -> tuple[str, ...]:
        """Only a superuser hands out rights: whoever may edit users could otherwise make himself one."""
        if getattr(request.user, "is_superuser", False):
            return ()
        return ("is_staff", "is_superuser", "groups", "user_permissions")


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):  # type: ignore[misc]  # unfold is untyped
    """Django's, in the admin's clothes."""
