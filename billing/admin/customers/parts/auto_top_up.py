"""Show automatic top-up: how it stands, and the latest attempts with Stripe's reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from backoffice.display import EMPTY, chip, link_to, link_to_list
from backoffice.tables import Table
from billing.admin.customers.customer import Customer
from billing.admin.customers.parts.part import ROWS, Context, Part
from billing.admin.recurring.auto_top_ups import OUTCOME_TONES
from billing.auto_top_up.models import Attempt, AutoTopUp
from credits.admin.columns import written


def _read(request: HttpRequest, customer: Customer) -> Context | None:
    row = AutoTopUp.objects.filter(account=customer.account).first() if customer.account else None
    if row is None:
        return None
    attempts = row.attempts.select_related("purchase__charged_method").order_by("-created_at")[:ROWS]
    table = Table(
        title=_("Automatic top-up: %(state)s") % {"state": row.get_state_display()},
        headers=[_("Date"), _("Amount"), _("Card"), _("Outcome"), _("Failure"), _("Setting")],
        rows=[_attempt(attempt, row) for attempt in attempts],
        empty=_("No attempts."),
        more=link_to_list(Attempt, _("All attempts"), auto_top_up__id__exact=row.pk),
    )
    return {"table": table}


def _attempt(attempt: Attempt, row: AutoTopUp) -> Sequence[Any]:
    purchase = attempt.purchase
    return (
        link_to(purchase, written(attempt.created_at)),
        str(purchase.price),
        purchase.charged_method.named if purchase.charged_method else EMPTY,
        chip(attempt.get_outcome_display(), OUTCOME_TONES.get(attempt.outcome)),
        purchase.failure_code or EMPTY,
        link_to(row, pgettext("link", "Open")),
    )


AUTO_TOP_UP = Part(AutoTopUp, _read)
