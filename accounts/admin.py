"""Show users and groups in the admin."""

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

# The provider sets these at each sign-in, which would overwrite an edit here.
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
    """The admin of users, read-only for what the provider decides. Rights come from groups, one per job."""

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
        """Let only superusers edit superusers: anyone who may set their password could act as one."""
        if obj is not None and self._is_out_of_reach(request, obj):
            return False
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Keep users who did something in the admin, whose history would go with them: deactivate them."""
        if obj is not None and (
            self._is_out_of_reach(request, obj) or LogEntry.objects.filter(user=obj).exists()
        ):
            return False
        return super().has_delete_permission(request, obj)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """Refuse a password for users of the provider: it would let them sign in without the provider."""
        user = self.get_object(request, id)
        if isinstance(user, User) and user.is_managed_by_provider:
            raise PermissionDenied
        return super().user_change_password(request, id, form_url)

    def _is_out_of_reach(self, request: HttpRequest, user: User) -> bool:
        return user.is_superuser and not _is_superuser(request)

    def _rights_out_of_reach(self, request: HttpRequest) -> tuple[str, ...]:
        """Let only superusers grant rights: users who edit users could otherwise promote themselves."""
        if _is_superuser(request):
            return ()
        return ("is_staff", "is_superuser", "groups")


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, StaffMayLook):  # type: ignore[misc]  # unfold is untyped
    """The admin of groups, for superusers: anyone who edits their own group could take every right."""

    is_audited = True

    def has_add_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return _is_superuser(request)

    has_change_permission = has_delete_permission = has_add_permission


def _is_superuser(request: HttpRequest) -> bool:
    return bool(request.user.is_active and getattr(request.user, "is_superuser", False))
