"""Spend with django-oscar-accounts 3.0: a transfer, two transactions, both accounts' cached balances recomputed.

Its `facade.transfer` takes no lock: two spends at once may both pass its check, and a cached balance may be stale. Each
spend goes to one of a thousand accounts, since it sums all transactions of both sides and updates both rows.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from bench.contenders.django_alone import configure
from bench.load import SINKS

AMOUNT = Decimal("0.25")
DEPOSIT = Decimal(
    10**5
)  # amounts have ten digits before the point, and the bank's balance is the sum of all deposits
INDEX = {"default": {"ENGINE": "haystack.backends.simple_backend.SimpleEngine"}}
# What its documentation lists, without the shop and dashboards. By configuration: Django finds two in each.
DJANGO = "auth contenttypes sites flatpages sessions messages"
PARTS = (
    "analytics checkout address shipping catalogue communication partner basket payment offer order customer search"
    " voucher wishlists"
)
APPLICATIONS = [
    *(f"django.contrib.{name}" for name in DJANGO.split()),
    *(f"oscar.apps.{name}.apps.{name.capitalize()}Config" for name in PARTS.split()),
    "oscar.apps.catalogue.reviews.apps.CatalogueReviewsConfig",
    *("haystack", "treebeard", "django_tables2", "oscar_accounts.apps.AccountsConfig"),
]
SUM_UP = """
UPDATE oscar_accounts_account a SET balance = t.sum
FROM (SELECT account_id, sum(amount) FROM oscar_accounts_transaction GROUP BY 1) t WHERE t.account_id = a.id
"""
SPENT = """
SELECT count(*) FROM oscar_accounts_transfer t JOIN oscar_accounts_account a ON a.id = t.destination_id
WHERE a.name LIKE 'sink%'
"""
urlpatterns: list[Any] = []  # Oscar's settings demand a URL configuration


def load(url: str) -> None:
    import oscar.defaults

    settings = {name: value for name, value in vars(oscar.defaults).items() if name.isupper()}
    configure(url, APPLICATIONS, SITE_ID=1, HAYSTACK_CONNECTIONS=INDEX, ROOT_URLCONF=__name__, **settings)


def prepare(url: str, accounts: int) -> None:
    """Have a bank without limit fund the customers' accounts; a thousand others receive spends."""
    from django.core.management import call_command
    from django.db import connection
    from oscar_accounts.models import Account, Transaction, Transfer

    call_command("migrate", verbosity=0, interactive=False)
    names = [*(f"customer {n}" for n in range(accounts)), *(f"sink {n}" for n in range(SINKS))]
    # In bulk: saving a new account reads its transactions first, which Django 5.2 refuses.
    bank, *made = Account.objects.bulk_create(
        [Account(name="Bench bank", credit_limit=None), *(Account(name=name) for name in names)]
    )[: accounts + 1]
    deposits = Transfer.objects.bulk_create(
        Transfer(source=bank, destination=account, amount=DEPOSIT) for account in made
    )
    Transaction.objects.bulk_create(
        Transaction(transfer=deposit, account=account, amount=amount)
        for deposit in deposits
        for account, amount in ((deposit.destination, DEPOSIT), (bank, -DEPOSIT))
    )
    with connection.cursor() as cursor:
        cursor.execute(SUM_UP)


def start(url: str, accounts: int, option: str) -> Callable[[], object]:
    from oscar_accounts import facade
    from oscar_accounts.models import Account

    ids = Account.objects.order_by("pk").values_list("pk", flat=True)
    customers = list(ids.filter(name__startswith="customer")[:accounts])
    sinks = list(ids.filter(name__startswith="sink"))

    def spend() -> None:
        source = Account.objects.get(pk=random.choice(customers))
        destination = Account.objects.get(pk=random.choice(sinks))
        facade.transfer(source, destination, AMOUNT)

    return spend
