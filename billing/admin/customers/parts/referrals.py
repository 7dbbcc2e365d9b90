"""Show who referred a user, and the latest whom they referred."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext as _

from backoffice.display import EMPTY, chip, link_to, link_to_list
from backoffice.tables import Table
from billing.admin.customers.customer import Customer
from billing.admin.customers.parts.part import ROWS, Context, Part
from billing.admin.referrals import STATE_TONES
from billing.referrals.models import Referral, Referrer
from credits.admin.columns import written


def _read(request: HttpRequest, customer: Customer) -> Context | None:
    if customer.user is None:
        return None
    named = Q(referrer__user=customer.user) | Q(referred=customer.user)
    rows = Referral.objects.filter(named).select_related("referrer__user", "referred")[:ROWS]
    referrer = Referrer.objects.filter(user=customer.user).first()
    if referrer is None and not rows:
        return None
    more = link_to_list(Referral, _("All referrals"), referrer__id__exact=referrer.pk) if referrer else ""
    table = Table(
        title=_("Referrals: stopped") if referrer and referrer.stopped_at else _("Referrals"),
        headers=[_("Signed up"), _("Referrer"), _("Referred user"), _("State"), _("Reason")],
        rows=[_row(row) for row in rows],
        empty=_("No referrals."),
        more=more,
    )
    return {"table": table}


def _row(row: Referral) -> Sequence[Any]:
    return (
        link_to(row, written(row.created_at)),
        link_to(row.referrer.user),
        link_to(row.referred),
        chip(row.get_state_display(), STATE_TONES.get(row.state)),
        row.get_reason_display() or EMPTY,
    )


REFERRALS = Part(Referral, _read)
