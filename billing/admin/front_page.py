"""Show what needs action on the admin's front page, with links, above the dashboard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from billing.admin.dashboard.page import dashboard
from billing.admin.downloads import may_download
from billing.inbox.models import InboxEvent
from billing.inbox.selectors import newest_in_another_version
from billing.packages.models import Package
from billing.packages.remote_catalog import find_drift, mirrored_remote_catalog
from billing.purchases.models import Purchase
from billing.purchases.selectors import open_purchases, purchases_needing_attention
from billing.reconciliation.models import ReconciliationFinding
from billing.reconciliation.selectors import waiting_findings
from billing.refunds.models import Dispute, Refund
from billing.refunds.selectors import disputes_to_answer
from core.database.replica.reading import read_from_replica
from credits.adjustments.models import Adjustment


@dataclass(frozen=True)
class Waiting:
    """A count of what waits, why that matters, and a link; ``urgent`` if it should be zero."""

    title: Any
    why: Any
    number: int
    url: str
    urgent: bool = True


def front_page(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Return the index page's context (unfold's hook)."""
    asked = request.GET.dict()
    shown = read_from_replica(request, lambda: {"waiting": what_waits(), "dashboard": dashboard(asked)})
    return {**context, **shown, "may_download": may_download(request)}


def what_waits() -> list[Waiting]:
    """Return what waits, with eleven queries over few rows each, whatever the tables' length."""
    return [
        Waiting(
            _("Purchases needing attention"),
            _("Paid but not credited: the amount, currency or buyer doesn’t match."),
            purchases_needing_attention().count(),
            _list(Purchase, todo="attention"),
        ),
        Waiting(
            _("Disputes to answer"),
            _("A dispute is lost if its deadline passes without a response."),
            disputes_to_answer().count(),
            _list(Dispute, status__in=",".join(Dispute.NEEDING_ANSWER)),
        ),
        Waiting(
            _("Unconfirmed refunds"),
            _("Requested, but Stripe hasn’t confirmed them yet. A job retries."),
            Refund.objects.filter(status=Refund.Status.REQUESTED).count(),
            _list(Refund, status__exact=Refund.Status.REQUESTED.value),
        ),
        Waiting(
            _("Reconciliation issues"),
            _("Stripe and our records differ, and the difference couldn’t be repaired automatically."),
            waiting_findings().count(),
            _list(ReconciliationFinding, state__exact=ReconciliationFinding.State.WAITING.value),
        ),
        Waiting(
            _("Failed webhook events"),
            _("Received but not processed. Stripe resends failed events, but not unreadable ones."),
            InboxEvent.objects.filter(status__in=InboxEvent.FAILING).count(),
            _list(InboxEvent, status__in=",".join(InboxEvent.FAILING)),
        ),
        *_other_versions(),
        Waiting(
            _("Packages out of sync"),
            _("Not synced yet, or changed in Stripe’s dashboard."),
            len(drifted_packages()),
            _list(Package, drift="yes"),
        ),
        Waiting(
            _("Open purchases"),
            _("At checkout, or paid by a method that takes days."),
            open_purchases().count(),
            _list(Purchase, todo="open"),
            urgent=False,
        ),
        Waiting(
            _("Adjustments to approve"),
            _("Above the limit; someone other than the requester decides."),
            Adjustment.objects.filter(status=Adjustment.Status.WAITING).count(),
            _list(Adjustment, state=Adjustment.Status.WAITING.value),
            urgent=False,
        ),
    ]


def _other_versions() -> Iterator[Waiting]:
    number, version = newest_in_another_version()
    if number:
        why = _(
            "Stripe’s webhook endpoint sends version %(theirs)s; this site reads %(ours)s. Recreate the "
            "endpoint with that version."
        )
        message = why % {"theirs": version, "ours": settings.STRIPE_API_VERSION}
        yield Waiting(_("API version mismatch"), message, number, _list(InboxEvent, api_version=version))


def drifted_packages() -> list[Package]:
    """Return the packages that differ from dj-stripe's mirror."""
    remote = mirrored_remote_catalog()
    return [package for package in Package.objects.all() if find_drift(package, remote)]


def _list(model: type[Model], **query: str) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist", query=query)


admin.site.index_title = _("Overview")
