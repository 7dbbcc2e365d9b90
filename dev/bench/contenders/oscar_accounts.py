"""django-oscar-accounts 3.0: a transfer, two transactions, and both accounts' cached balances summed up anew.

Its own package and its own `facade.transfer`. It takes no lock: two spends at once may both pass its check, and a
cached balance may be that of a moment before. Each spend goes to one of a thousand accounts, since it sums up all
transactions of both sides and updates both rows.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from dev.bench.contenders.django_alone import configure
from dev.bench.load import SINKS

AMOUNT = Decimal("0.25")
DEPOSIT = Decimal(
    10**5
)  # its amounts have ten digits before the point, and the bank's balance is all deposits
INDEX = {"default": {"ENGINE": "haystack.backends.simple_backend.SimpleEngine"}}


def load(url: str) -> None:
    import oscar.defaults

    settings = {name: value for name, value in vars(oscar.defaults).items() if name.isupper()}
    configure(
        url,
        _applications(),
        SITE_ID=1,
        HAYSTACK_CONNECTIONS=INDEX,
        ROOT_URLCONF="dev.bench.contenders.no_urls",
        **settings,
    )


PARTS = (
    "analytics checkout address shipping catalogue communication partner basket payment offer order customer search"
    " voucher wishlists"
)


def _applications() -> list[str]:
    """What its documents list, without the shop and its dashboards. By configuration: Django finds two in each."""
    django = "auth contenttypes sites flatpages sessions messages"
    return [
        *(f"django.contrib.{name}" for name in django.split()),
        *(f"oscar.apps.{name}.apps.{name.capitalize()}Config" for name in PARTS.split()),
        "oscar.apps.catalogue.reviews.apps.CatalogueReviewsConfig",
        *("haystack", "treebeard", "django_tables2", "oscar_accounts.apps.AccountsConfig"),
    ]


def create(url: str) -> None:
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)


def fund(url: str, accounts: int) -> None:
    """Accounts 1 to ``accounts`` are customers', the thousand after them receive; a bank without limit pays in."""
    from django.db import connection
    from oscar_accounts.models import Account, Transaction, Transfer

    names = [*(f"customer {n}" for n in range(accounts)), *(f"sink {n}" for n in range(SINKS))]
    # In bulk: saving a new account, it reads its transactions first, which Django 5.2 refuses.
    bank, *made = Account.objects.bulk_create(
        [Account(name="Bench bank", credit_limit=None), *(Account(name=name) for name in names)]
    )[: accounts + 1]
    deposits = [Transfer(source=bank, destination=account, amount=DEPOSIT) for account in made]
    Transfer.objects.bulk_create(deposits)
    Transaction.objects.bulk_create(
        [Transaction(transfer=deposit, account=deposit.destination, amount=DEPOSIT) for deposit in deposits]
        + [Transaction(transfer=deposit, account=bank, amount=-DEPOSIT) for deposit in deposits]
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE oscar_accounts_account a SET balance = t.sum FROM (SELECT account_id, sum(amount)"
            " FROM oscar_accounts_transaction GROUP BY 1) t WHERE t.account_id = a.id"
        )


def spent(url: str) -> int:
    from oscar_accounts.models import Transfer

    return int(Transfer.objects.filter(destination__name__startswith="sink").count())


def start(url: str, accounts: int, option: str) -> Callable[[], int]:
    from oscar_accounts import facade
    from oscar_accounts.models import Account

    customers = _ids(Account, "customer")[:accounts]
    sinks = _ids(Account, "sink")

    def spend() -> int:
        source = Account.objects.get(pk=random.choice(customers))
        destination = Account.objects.get(pk=random.choice(sinks))
        facade.transfer(source, destination, AMOUNT)
        return 1

    return spend


def _ids(account: Any, kind: str) -> list[int]:
    return list(account.objects.filter(name__startswith=kind).order_by("pk").values_list("pk", flat=True))
