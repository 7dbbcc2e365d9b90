"""Spend with django-hordak 2.0: double entry whose triggers check that each transaction's legs add up to zero.

It has no rule against overdrafts, so this builds one from its parts: lock the account's row, read
`get_simple_balance`, call `transfer_to`, in one transaction. A balance is the sum of an account's legs.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal

from bench.contenders.django_alone import configure
from bench.load import AMOUNT

APPLICATIONS = ["django.contrib.contenttypes", "django.contrib.auth", "mptt", "djmoney", "hordak"]
SPENT = "SELECT count(*) FROM hordak_leg l JOIN hordak_account a ON a.id = l.account_id WHERE a.type = 'IN'"


def load(url: str) -> None:
    configure(url, APPLICATIONS, DEFAULT_CURRENCY="EUR", CURRENCIES=["EUR"], HORDAK_MAX_DIGITS=24)


def prepare(url: str, accounts: int) -> None:
    """Create customers' accounts 1 to ``accounts`` as liabilities, then the bank's asset and the income."""
    from django.core.management import call_command
    from django.db import transaction
    from hordak.models import Account, Leg, Transaction

    call_command("migrate", verbosity=0, interactive=False)
    # In bulk, since mptt would move the whole tree for each root that it adds. Each account is its own root.
    root = {"currencies": ["EUR"], "lft": 1, "rght": 2, "level": 0}
    Account.objects.bulk_create(
        Account(id=n, name=f"Account {n}", type=kind, tree_id=n, **root)
        for n, kind in enumerate([*["LI"] * accounts, "AS", "IN"], start=1)
    )
    with transaction.atomic():
        legs = []
        for n, deposit in enumerate(
            Transaction.objects.bulk_create([Transaction() for _ in range(accounts)]), 1
        ):
            common = {"transaction": deposit, "currency": "EUR"}
            legs += [Leg(account_id=n, credit=Decimal(10**9), **common)]
            legs += [Leg(account_id=accounts + 1, debit=Decimal(10**9), **common)]
        Leg.objects.bulk_create(legs)


def start(url: str, accounts: int, option: str) -> Callable[[], object]:
    from django.db import transaction
    from hordak.models import Account
    from moneyed import Money

    amount = Money(AMOUNT, "EUR")
    income = Account.objects.get(type="IN")

    @transaction.atomic
    def spend() -> None:
        account = Account.objects.select_for_update().get(pk=random.randint(1, accounts))
        if account.get_simple_balance() < amount:
            raise RuntimeError("The account ran dry.")
        account.transfer_to(income, amount)

    return spend
