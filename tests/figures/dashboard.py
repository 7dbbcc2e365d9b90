"""Sell and spend on some day, and read the front page's files."""

from __future__ import annotations

import csv
import datetime
from typing import Any

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from billing.packages.models import Package
from billing.purchases.models import Purchase
from credits.ledger.models import Account, Entry
from tests.admin.rows import make_purchase, pay
from tests.credits.builders import no_triggers, spend
from tests.figures.counting import paid_at

INDEX = reverse("admin:index")
DAY = datetime.timedelta(days=1)


def days_ago(number: int) -> datetime.datetime:
    return timezone.now() - number * DAY


def bought(package: Package, ago: int = 0, user: User | None = None) -> Purchase:
    purchase = make_purchase(package=package, user=user)
    pay(purchase)
    paid_at(purchase, days_ago(ago))
    return purchase


def number_of(client: Client, code: str, **query: str) -> tuple[str, str]:
    """A figure and what it was before, as its file gives them."""
    rows = {row["figure"]: row for row in file_of(client, "figures", **query)}
    return rows[code]["value"], rows[code]["before"]


def file_of(client: Client, code: str, **query: str) -> list[dict[str, str]]:
    answer: Any = client.get(reverse("figures-file", args=[code]), query)
    assert answer.status_code == 200
    text = b"".join(answer.streaming_content).decode()
    return list(csv.DictReader(text.splitlines()))


def yesterday(account: Account, amount: int) -> None:
    entry = spend(account, amount, key="yesterday")
    with no_triggers():
        Entry.objects.filter(pk=entry.entry_id).update(created_at=days_ago(1))
