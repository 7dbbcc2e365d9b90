"""django-hordak 2.0: double entry whose triggers check that each transaction's legs add up to zero.

It has no rule against an overdraft of its own, so this builds one of what it has: in one transaction the account's
row is locked, `get_simple_balance` read, and `transfer_to` made. A balance is the sum of an account's legs.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from dev.bench.contenders.django_alone import configure

APPLICATIONS = ["django.contrib.contenttypes", "django.contrib.auth", "mptt", "djmoney", "hordak"]


def load(url: str) -> None:
    configure(url, APPLICATIONS, DEFAULT_CURRENCY="EUR", CURRENCIES=["EUR"], HORDAK_MAX_DIGITS=24)


def create(url: str) -> None:
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)


def fund(url: str, accounts: int) -> None:
    """Customers' accounts 1 to ``accounts`` are liabilities; the last two are the bank's asset and the income."""
    from django.db import transaction
    from hordak.models import Account, Leg, Transaction

    # In bulk, since mptt moves the whole tree for each root that it adds. Each is a root of its own tree.
    kinds = [*["LI"] * accounts, "AS", "IN"]
    Account.objects.bulk_create(
        [
            Account(
                id=n, name=f"Account {n}", type=kind, currencies=["EUR"], tree_id=n, lft=1, rght=2, level=0
            )
            for n, kind in enumerate(kinds, start=1)
        ]
    )
    with transaction.atomic():
        deposits = Transaction.objects.bulk_create([Transaction() for _ in range(accounts)])
        Leg.objects.bulk_create(_legs(deposits, bank_id=accounts + 1))


def _legs(deposits: list[Any], bank_id: int) -> list[Any]:
    from hordak.models import Leg

    legs = []
    for number, deposit in enumerate(deposits, start=1):
        common = {"transaction": deposit, "currency": "EUR"}
        legs.append(Leg(account_id=number, credit=Decimal(10**9), **common))
        legs.append(Leg(account_id=bank_id, debit=Decimal(10**9), **common))
    return legs


def spent(url: str) -> int:
    from hordak.models import Account, Leg

    return int(Leg.objects.filter(account=Account.objects.get(type="IN")).count())


def start(url: str, accounts: int, option: str) -> Callable[[], int]:
    from django.db import transaction
    from hordak.models import Account
    from moneyed import Money

    amount = Money("0.25", "EUR")
    income = Account.objects.get(type="IN")

    def spend() -> int:
        with transaction.atomic():
            account = Account.objects.select_for_update().get(pk=random.randint(1, accounts))
            if account.get_simple_balance() < amount:
                raise RuntimeError("The account ran dry.")
            account.transfer_to(income, amount)
        return 1

    return spend
