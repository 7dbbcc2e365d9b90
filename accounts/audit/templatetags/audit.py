"""Link a row's page to its entries in the audit."""

from __future__ import annotations

from django import template
from django.db.models import Model
from django.urls import reverse

register = template.Library()


@register.simple_tag
def audit_of(row: Model) -> str:
    """Return the URL of the audit list, filtered by this row."""
    about = {"about": row._meta.label_lower, "object_id__exact": str(row.pk)}
    return reverse("admin:audit_auditentry_changelist", query=about)
