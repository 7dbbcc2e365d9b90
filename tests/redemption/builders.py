"""Batches of codes, and accounts that redeem them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import uuid4

from accounts.models import User
from credits.ledger.selectors import get_balance
from credits.redemption.escrow import Redeemed
from credits.redemption.making import BatchTerms, NewBatch, make_batch
from credits.redemption.models import Code
from credits.redemption.redeeming import redeem
from tests.credits_pages.builders import past

ADDRESS = "192.0.2.7"


def new_batch(
    credits: str | int = 100, count: int = 1, created_by: User | None = None, **terms: Any
) -> NewBatch:
    terms = {"name": "Conference", "reason": "For the booth", "key": uuid4(), **terms}
    return make_batch(BatchTerms(credits=Decimal(credits), count=count, **terms), created_by)


def new_code(**terms: Any) -> str:
    """The only code of a new batch."""
    [code] = new_batch(**terms).codes
    return code


def redeem_code(user: User, code: str, **more: Any) -> Redeemed:
    return redeem(user, code, **{"address": ADDRESS, **more})


def balance_of(user: User, *team: Any) -> Decimal:
    return get_balance(user, *team).balance


def the_code() -> Code:
    return Code.objects.get()


def let_expire(new: NewBatch) -> None:
    """As if the batch had been made two days ago, to expire yesterday."""
    past(
        "UPDATE redemption_codebatch SET created_at = now() - interval '2 days', expires_at = now() - interval '1 day'"
        " WHERE id = %s",
        [new.batch.pk],
    )
