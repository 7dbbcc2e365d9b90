"""The plain way in Django: atomic, select_for_update, save, create. One balance, one entry, nothing else kept."""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal

from dev.bench.contenders.django_alone import configure

AMOUNT = Decimal("0.25")


def load(url: str) -> None:
    configure(url, ["dev.bench.plain"])


def create(url: str) -> None:
    from django.db import connection

    from dev.bench.plain.models import Account, Entry

    with connection.schema_editor() as editor:
        editor.create_model(Account)
        editor.create_model(Entry)


def fund(url: str, accounts: int) -> None:
    from dev.bench.plain.models import Account

    Account.objects.bulk_create([Account(id=n, balance=Decimal(10**12)) for n in range(1, accounts + 1)])


def spent(url: str) -> int:
    from dev.bench.plain.models import Entry

    return Entry.objects.count()


def start(url: str, accounts: int, option: str) -> Callable[[], int]:
    from django.db import transaction

    from dev.bench.plain.models import Account, Entry

    def spend() -> int:
        with transaction.atomic():
            account = Account.objects.select_for_update().get(pk=random.randint(1, accounts))
            if account.balance < AMOUNT:
                raise RuntimeError("The account ran dry.")
            account.balance -= AMOUNT
            account.save(update_fields=["balance"])
            Entry.objects.create(account=account, amount=-AMOUNT)
        return 1

    return spend
