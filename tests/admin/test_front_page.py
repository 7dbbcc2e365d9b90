"""The front page counts what waits for somebody, and leads there."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from billing.inbox.selectors import NEWEST
from billing.packages.models import Package
from tests.admin.pages import read, rows_of
from tests.admin.rows import Books, make_dispute, make_finding, make_inbox_event, make_purchase, make_refund
from tests.support.builders import PackageFactory

pytestmark = pytest.mark.django_db


def counted(client: Client) -> dict[str, int]:
    """The counts by their titles. Each link must lead to as many rows."""
    waiting = client.get(reverse("admin:index")).context["waiting"]
    for count in waiting:
        assert len(rows_of(client, count.url)) == count.number, count.title
    return {str(count.title): count.number for count in waiting}


def test_counts_are_those_of_the_lists_they_lead_to(as_clerk: Client, books: Books) -> None:
    off_sale = books.package
    make_purchase(package=off_sale, attention="paid_twice", status="failed")
    make_purchase(package=off_sale, status="pending")
    make_purchase(package=off_sale, status="processing")
    for status in ("needs_response", "warning_needs_response", "won"):
        make_dispute(books.purchase, status=status)
    make_refund(books.purchase, status="requested")
    make_refund(books.purchase, status="failed")
    for state in ("waiting", "settled"):
        make_finding(books.purchase, state=state)
    make_inbox_event(None, status="failed")
    make_inbox_event(None, status="unreadable")
    make_inbox_event(None, status="unmatched", api_version="2024-04-10")
    make_inbox_event(None, status="stored", api_version=settings.STRIPE_API_VERSION)
    Package.objects.update(is_active=False)
    PackageFactory.create()

    assert counted(as_clerk) == {
        "Purchases needing attention": 1,
        "Disputes to answer": 2,
        "Unconfirmed refunds": 1,
        "Reconciliation issues": 1,
        "Failed webhook events": 2,
        "API version mismatch": 1,
        "Packages out of sync": 1,
        "Open purchases": 2,
        "Adjustments to approve": 1,
    }


def test_another_api_version_is_named_with_the_one_that_is_read(as_clerk: Client) -> None:
    make_inbox_event(None, status="applied", api_version="2024-04-10")
    page = read(as_clerk, reverse("admin:index"))
    assert f"sends version 2024-04-10; this site reads {settings.STRIPE_API_VERSION}" in page

    for _ in range(NEWEST):
        make_inbox_event(None, status="applied", api_version=settings.STRIPE_API_VERSION)
    assert "2024-04-10" not in read(as_clerk, reverse("admin:index")), "it was put right long ago"


def test_only_what_should_not_be_is_marked(as_clerk: Client) -> None:
    assert set(counted(as_clerk).values()) == {0}
    assert "is-urgent" not in read(as_clerk, reverse("admin:index"))

    make_purchase(
        status="pending", package=Package.objects.create(code="a", name="A", credits=1, price_minor=1)
    )
    Package.objects.update(is_active=False)
    assert "is-urgent" not in read(as_clerk, reverse("admin:index"))

    make_inbox_event(None, status="failed")
    assert read(as_clerk, reverse("admin:index")).count("is-urgent") == 1
