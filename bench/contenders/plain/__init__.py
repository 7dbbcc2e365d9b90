"""Spend the plain way in Django: atomic, select_for_update, save, create. One balance, one entry, nothing else."""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal

from bench.contenders.django_alone import configure
from bench.load import AMOUNT

SPENT = "SELECT count(*) FROM plain_entry"


def load(url: str) -> None:
    configure(url, ["bench.contenders.plain"])


def prepare(url: str, accounts: int) -> None:
    from django.db import connection

    from bench.contenders.plain.models import Account, Entry

    with connection.schema_editor() as editor:
        editor.create_model(Account)
        editor.create_model(Entry)
    Account.objects.bulk_create([Account(id=n, balance=Decimal(10**12)) for n in range(1, accounts + 1)])


def start(url: str, accounts: int, option: str) -> Callable[[], object]:
    from django.db import transaction

    from bench.contenders.plain.models import Account, Entry

    @transaction.atomic
    def spend() -> None:
        account = Account.objects.select_for_update().get(pk=random.randint(1, accounts))
        if account.balance < AMOUNT:
            raise RuntimeError("The account ran dry.")
        account.balance -= AMOUNT
        account.save(update_fields=["balance"])
        Entry.objects.create(account=account, amount=-AMOUNT)

    return spend
