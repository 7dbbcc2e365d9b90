"""The views for reports agree with the books, name nobody, and can't be written to."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from billing.currencies import THREE_DECIMAL, ZERO_DECIMAL
from billing.money import Money
from billing.packages.models import Package
from billing.privacy.erasure import erase_user
from billing.purchases.models import Purchase
from credits.ledger import operations as ledger
from credits.ledger.models import Account, Entry
from credits.ledger.selectors import get_balance
from tests.support.builders import UserFactory, put_on_sale, start
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
VIEWS = ("credit_packages", "credit_purchases", "user_credits", "credit_transactions")


def rows(sql: str) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        names = [column.name for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def test_the_views_say_what_the_books_say(sandbox: Sandbox) -> None:
    put_on_sale()
    user = UserFactory(oidc_sub="provider-subject-1")
    started = start(user, "pro")
    start(user)
    sandbox.pay(started.session_id)
    sandbox.wait_for_webhooks()
    account = Account.objects.get(owner=user)
    ledger.spend(account.pk, Decimal(250), key="job-1", reference="A report")
    paid, balance = Purchase.objects.get(pk=started.purchase.pk), get_balance(user)

    shown = {row["package_code"]: row for row in rows("SELECT * FROM credit_packages")}
    assert shown.keys() == set(Package.objects.values_list("code", flat=True))
    pro = shown["pro"]
    assert (pro["credits"], pro["price"], pro["price_usd"], pro["is_popular"]) == (10000, 80, 80, True)

    open_one, bought = rows("SELECT * FROM credit_purchases ORDER BY completed_at NULLS FIRST")
    assert (bought["id"], bought["user_id"], bought["sub"]) == (paid.pk, user.pk, "provider-subject-1")
    assert (bought["amount_credits"], bought["amount_paid"]) == (paid.credits, paid.paid.major)
    assert bought["discount_applied"] == paid.list_price.major - paid.price.major
    assert bought["stripe_payment_id"] == paid.stripe_payment_intent_id
    assert (open_one["status"], open_one["amount_paid"], open_one["stripe_payment_id"]) == (
        "pending",
        0,
        None,
    )

    (held,) = rows("SELECT * FROM user_credits")
    assert (held["account_id"], held["sub"]) == (account.pk, "provider-subject-1")
    assert (held["balance"], held["held"]) == (balance.balance, balance.held)
    assert held["lifetime_purchased"] == balance.lifetime_purchased

    told = rows("SELECT * FROM credit_transactions ORDER BY id")
    entries = Entry.objects.order_by("id").values_list("id", "kind", "amount", "balance_after", "reference")
    names = ("id", "type", "amount", "balance_after", "reference")
    assert [tuple(row[name] for name in names) for row in told] == list(entries)
    assert {(row["user_id"], row["sub"]) for row in told} == {(user.pk, "provider-subject-1")}


def test_nobody_writes_to_a_view() -> None:
    for view in VIEWS:
        column = rows(f"SELECT column_name FROM information_schema.columns WHERE table_name = '{view}'")[0]
        name = column["column_name"]
        writes = (
            f"INSERT INTO {view} ({name}) VALUES (NULL)",
            f"UPDATE {view} SET {name} = NULL",
            f"DELETE FROM {view}",
        )
        for write in writes:
            with pytest.raises(DatabaseError, match=f'cannot .*"{view}"'), transaction.atomic():
                connection.cursor().execute(write)


def test_no_column_names_a_person_and_the_document_names_every_column() -> None:
    text = Path("docs/reporting.md").read_text()
    for view in VIEWS:
        section = text.split(f"| `{view}` |")[1].split("\n\n")[0]
        for column in rows(f"SELECT column_name FROM information_schema.columns WHERE table_name = '{view}'"):
            assert f"`{column['column_name']}`" in section, (view, column)
            assert not {"email", "username", "metadata", "last4"} & set(column.values())


def test_who_was_erased_has_no_subject() -> None:
    user = UserFactory(oidc_sub="provider-subject-2")
    ledger.open_account(user)
    erase_user(user.pk)
    assert [row["sub"] for row in rows("SELECT * FROM user_credits")] == [None]


def test_money_is_in_the_main_unit_of_every_currency() -> None:
    for currency in (*sorted(ZERO_DECIMAL | THREE_DECIMAL), "usd", "ugx", "isk"):
        (row,) = rows(f"SELECT reporting_main_units(12345, '{currency}') AS amount")
        assert row["amount"] == Money(12345, currency).major, currency
