"""The way from a row's page to what was done to it."""

from __future__ import annotations

from django import template
from django.db.models import Model
from django.urls import reverse

register = template.Library()


@register.simple_tag
def audit_of(row: Model) -> str:
    """The address of the audit's list, narrowed to this row."""
    about = {"about": row._meta.label_lower, "object_id__exact": str(row.pk)}
    return reverse("admin:audit_auditentry_changelist", query=about)
