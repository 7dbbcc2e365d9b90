"""Operations that spend credits: one spend, or a batch."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from msgspec import UNSET

from accounts.clients.models import Scope
from accounts.teams.errors import CapReached, UnknownMember
from credits.api.endpoints import Answer, Call, operation
from credits.api.parsing import read_amount, read_quantities, wrong
from credits.api.shapes import (
    BatchItem,
    BatchRequest,
    BatchResult,
    BatchSpent,
    ChargeRequest,
    SpendRequest,
    Spent,
)
from credits.errors import InsufficientCredits, InvalidEntry, KeyConflict, UnknownAccount
from credits.formatting import plain
from credits.ledger import operations as ledger
from credits.ledger.results import Outcome, SpendOrder, SpendResult
from credits.ledger.selectors import Balance, find_balance
from credits.rates.errors import AmbiguousModel, InvalidUsage, UnknownModel, UnknownUnit
from credits.spending import charging

RATES = (UnknownModel, AmbiguousModel, UnknownUnit, InvalidUsage)
IN_THE_BOOKS = (Outcome.DONE, Outcome.REPEATED)


@operation(
    "POST",
    Scope.SPEND,
    Spent,
    takes=SpendRequest,
    status=201,
    refuses=(InsufficientCredits, CapReached, UnknownAccount, UnknownMember, KeyConflict, *RATES),
)
def spend_credits(call: Call, asked: SpendRequest) -> Answer:
    """Spend credits

    Spends an `amount`, or the cost of a model's `usage`, from an account: all or nothing.
    """
    call.count_write(asked.account)
    spent = charging.spend(
        asked.account,
        read_charge(asked),
        key=call.business_key(call.key),
        reference=asked.reference,
        metadata=asked.metadata,
        member=None if asked.member is UNSET else asked.member,
    )
    standing = standing_after(asked.account, spent.balance_after, spent.held, repeated=spent.repeated)
    body = Spent(
        id=spent.entry_id,
        account=asked.account,
        amount=plain(spent.amount),
        balance_after=plain(spent.balance_after),
        available=plain(standing.available),
        held=plain(standing.held),
        reference=asked.reference,
    )
    return Answer(body, standing, spent.repeated)


@operation("POST", Scope.SPEND, BatchSpent, takes=BatchRequest)
def spend_many(call: Call, asked: BatchRequest) -> Answer:
    """Spend credits in a batch

    Up to 1,000 spends in one commit, processed in order. A spend that fails takes nothing and doesn't affect the
    others. Each is idempotent by its own `key`, the same value a single spend sends as its Idempotency-Key; the batch's
    Idempotency-Key is only for your log. The batch can be repeated, whole or in part: spends already recorded return
    `repeated`.
    """
    orders = [_order(call, place, item) for place, item in enumerate(asked.spends)]
    call.turn.wait_at(f"batches of {call.client.id}")  # which of its accounts one waited for is unknown
    try:
        results = ledger.spend_many(orders)
    except InvalidEntry as error:
        attr = f"spends.{error.params['item']}.{error.params.get('field', '')}"
        raise wrong(attr, error.code, error.message) from None
    return Answer(
        BatchSpent(results=[_result(item, one) for item, one in zip(asked.spends, results, strict=True)])
    )


def read_charge(asked: ChargeRequest) -> Decimal | charging.Usage:
    """Return what to charge. Raises InvalidRequest unless there is either a valid amount or a valid usage."""
    if asked.amount is not UNSET:
        if asked.usage is not UNSET or asked.model is not UNSET:
            raise wrong("usage", "invalid", "Send either an amount or a model with its usage, not both.")
        return read_amount(asked.amount, "amount")
    if asked.usage is UNSET:
        raise wrong("amount", "required", "Send an amount, or a model with its usage.")
    if asked.model is UNSET:
        raise wrong("model", "required", "A usage needs a model.")
    return charging.Usage(asked.model, read_quantities(asked.usage))


def standing_after(account: UUID, balance_after: Decimal, held: Decimal, *, repeated: bool) -> Balance:
    """Return the account's current balance; a repeated entry only has that of its time."""
    return find_balance(account) if repeated else Balance(account, balance_after, held)


def _order(call: Call, place: int, item: BatchItem) -> SpendOrder:
    amount = read_amount(item.amount, f"spends.{place}.amount")
    return SpendOrder(item.account, amount, call.business_key(item.key), item.reference, item.metadata)


def _result(item: BatchItem, result: SpendResult) -> BatchResult:
    is_booked = result.outcome in IN_THE_BOOKS
    return BatchResult(
        status=result.outcome,
        account=item.account,
        key=item.key,
        amount=plain(result.amount),
        id=result.entry_id if is_booked and result.entry_id is not None else UNSET,
        balance_after=plain(result.balance_after)
        if is_booked and result.balance_after is not None
        else UNSET,
        missing=plain(result.missing) if result.outcome == Outcome.INSUFFICIENT else UNSET,
    )
