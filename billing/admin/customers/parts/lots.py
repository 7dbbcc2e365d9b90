"""Show the lots that have something left."""

from __future__ import annotations

from django.http import HttpRequest

from billing.admin.customers.customer import Customer
from billing.admin.customers.parts.part import Context, Part
from credits.admin.account_sheet import lots_table
from credits.ledger.models import Lot
from credits.statement.reading import lots_left


def _read(request: HttpRequest, customer: Customer) -> Context | None:
    account = customer.account
    return {"table": lots_table(account, lots_left(account.pk))} if account else None


LOTS = Part(Lot, _read)
