"""Find the multi-buys that are on."""

from __future__ import annotations

from django.utils import timezone

from billing.discounts.models import MultiBuy


def multi_buys_now() -> list[MultiBuy]:
    """Return the multi-buys that are on, the next to end first, with their packages. Two queries, or one for none."""
    now = timezone.now()
    running = MultiBuy.objects.filter(is_active=True, starts_at__lte=now, ends_at__gt=now)
    return list(running.order_by("ends_at", "pk").prefetch_related("packages"))
