"""The operation that transfers credits between accounts."""

from __future__ import annotations

from django.conf import settings

from accounts.clients.models import Scope
from credits.api.endpoints import Answer, Call, operation
from credits.api.parsing import read_amount
from credits.api.shapes import Transferred, TransferRequest
from credits.errors import (
    AccountClosed,
    InsufficientCredits,
    KeyConflict,
    SumTooLarge,
    TooFresh,
    UnknownAccount,
)
from credits.formatting import plain
from credits.ledger import operations as ledger
from credits.ledger.selectors import find_balance

MESSAGE = "message"


@operation(
    "POST",
    Scope.TRANSFER,
    Transferred,
    takes=TransferRequest,
    status=201,
    refuses=(InsufficientCredits, UnknownAccount, AccountClosed, TooFresh, KeyConflict, SumTooLarge),
)
def transfer_credits(call: Call, asked: TransferRequest) -> Answer:
    """Transfer credits

    Transfers credits from one account to another; they keep their expiry date. The balance headers are the sender's.
    """
    call.count_write(asked.from_)
    made = ledger.transfer(
        asked.from_,
        asked.to,
        read_amount(asked.amount, "amount"),
        key=call.business_key(call.key),
        reference=asked.reference,
        metadata={MESSAGE: asked.message} if asked.message else None,
        fresh=settings.GIFT_AFTER,
    )
    body = Transferred(
        id=made.sent_entry_id,
        received_id=made.received_entry_id,
        from_=asked.from_,
        to=asked.to,
        amount=plain(made.amount),
        balance_after=plain(made.balance_after),
        reference=asked.reference,
    )
    return Answer(body, find_balance(asked.from_), made.repeated)
