"""Check that the permissions of admin actions exist, by the models. Unfold asks the database, which checks may lack."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.contrib.auth import get_permission_codename
from django.core.checks import Error
from unfold.checks import UnfoldModelAdminChecks


class PermissionChecks(UnfoldModelAdminChecks):  # type: ignore[misc]  # unfold has no types
    """Accepts ``app.codename``, or a name that the page has a ``has_…_permission`` method for."""

    def _check_unfold_action_permission_methods(self, obj: Any) -> list[Error]:
        actions = (
            *obj._get_base_actions_list(),
            *obj._get_base_actions_detail(),
            *obj._get_base_actions_row(),
            *obj._get_base_actions_submit_line(),
        )
        known = set(_permissions())
        return [
            Error(
                f"{obj}: the action {each.action_name} needs {permission}, which doesn't exist.",
                id="backoffice.E001",
            )
            for each in actions
            for permission in getattr(each.method, "allowed_permissions", ())
            if permission not in known and not hasattr(obj, f"has_{permission}_permission")
        ]


def _permissions() -> Iterator[str]:
    for model in apps.get_models():
        options = model._meta
        for name in options.default_permissions:
            yield f"{options.app_label}.{get_permission_codename(name, options)}"
        for codename, _name in options.permissions:
            yield f"{options.app_label}.{codename}"
