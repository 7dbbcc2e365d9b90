"""Define the requests and responses of the API for services: they are parsed and written by these shapes, and the
OpenAPI document is made from them (`credits.api.openapi`).
"""

from __future__ import annotations

import datetime
from typing import Annotated, Any
from uuid import UUID

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

from credits.ledger.arguments import LONGEST_TEXT
from credits.ledger.holds import LONGEST_HOLD, Overrun
from credits.ledger.models import Entry, Hold
from credits.ledger.operations import MOST_ITEMS
from credits.ledger.results import Outcome

# With the client's id before it, it must fit the ledger's business key of 200 characters.
LONGEST_KEY = 160
MOST_ENTRIES = 200
DEFAULT_HOLD_S = 3600
LONGEST_NAME = 151  # provider/model

PLAIN_NUMBER = r"^-?[0-9]+(\.[0-9]{1,6})?$"

AmountGiven = Annotated[
    Raw,
    Meta(
        description="Above zero, below 10^18, with at most six decimal places. String or number; both are read "
        "exactly.",
        extra_json_schema={
            "oneOf": [
                {"type": "string", "pattern": r"^[0-9]{1,18}(\.[0-9]{1,6})?$"},
                {"type": "number", "minimum": 0.000001, "maximum": 999999999999999999},
            ],
            "example": "2.5",
        },
    ),
]
Quantity = Annotated[
    Raw,
    Meta(
        extra_json_schema={
            "oneOf": [
                {"type": "string", "pattern": r"^[0-9]{1,15}(\.[0-9]{1,6})?$"},
                {"type": "number", "minimum": 0, "maximum": 10**15},
            ]
        }
    ),
]
Credits = Annotated[
    str,
    Meta(
        pattern=PLAIN_NUMBER,
        description="Plain decimal without exponent or trailing zeros.",
        extra_json_schema={"example": "97.5"},
    ),
]
Key = Annotated[
    str, Meta(min_length=1, max_length=LONGEST_KEY, pattern=r"^[ -~]+$", description="Printable ASCII.")
]
Reference = Annotated[
    str, Meta(max_length=LONGEST_TEXT, description="Your description; shown to the customer.")
]
Metadata = Annotated[dict[str, Any], Meta(description="Your JSON object, at most 10,000 characters.")]
Instant = Annotated[datetime.datetime, Meta(extra_json_schema={"type": "string", "format": "date-time"})]
EntryId = Annotated[int, Meta(description="Entry ID.")]
AccountId = Annotated[UUID, Meta(description="Account ID.")]
Model = Annotated[
    str, Meta(min_length=1, max_length=LONGEST_NAME, description="Model name on the rate card.")
]
Usage = Annotated[
    dict[str, Quantity],
    Meta(description="Quantities by unit, priced by the rate card.", extra_json_schema={"minProperties": 1}),
]
HoldStatus = Annotated[Hold.Status, Meta(extra_json_schema={"enum": sorted(Hold.Status.values)})]
Kind = Annotated[Entry.Kind, Meta(extra_json_schema={"enum": sorted(Entry.Kind.values)})]


class Request(Struct, forbid_unknown_fields=True):
    """The base of requests. Unknown fields are refused: they may be typing errors."""


class Reply(Struct, omit_defaults=True):
    """The base of responses. Fields without a value are left out."""


class ChargeRequest(Request, kw_only=True):
    """An ``amount`` to charge, or a ``model`` with its ``usage``."""

    amount: AmountGiven | UnsetType = UNSET
    model: Model | UnsetType = UNSET
    usage: Usage | UnsetType = UNSET
    metadata: Metadata = {}


class SpendRequest(ChargeRequest, kw_only=True):
    """Credits to spend: an ``amount``, or a ``model`` with its ``usage``, priced by the rate card."""

    account: AccountId
    reference: Reference = ""
    member: Annotated[UUID, Meta(description="The user who spends from a team's account.")] | UnsetType = (
        UNSET
    )


class Spent(Reply, kw_only=True):
    """A recorded spend. ``held`` and ``available`` are current values."""

    id: EntryId
    account: AccountId
    amount: Credits
    balance_after: Credits
    available: Credits
    held: Credits
    reference: str


class BatchItem(Request, kw_only=True):
    """One spend of a batch."""

    account: AccountId
    amount: AmountGiven
    key: Key
    reference: Reference = ""
    metadata: Metadata = {}


class BatchRequest(Request, kw_only=True):
    spends: Annotated[list[BatchItem], Meta(min_length=1, max_length=MOST_ITEMS)]


class BatchResult(Reply, kw_only=True):
    """The outcome of one spend. ``missing`` is given if credits were insufficient, ``id`` if it was recorded."""

    status: Outcome
    account: AccountId
    key: str
    amount: Credits
    id: EntryId | UnsetType = UNSET
    balance_after: Credits | UnsetType = UNSET
    missing: Credits | UnsetType = UNSET


class BatchSpent(Reply, kw_only=True):
    """One result per spend, in the same order."""

    results: list[BatchResult]


class HoldRequest(Request, kw_only=True):
    """Credits to hold. ``overrun``: what happens if a capture exceeds the hold and the balance doesn't cover it."""

    account: AccountId
    amount: AmountGiven
    expires_in: Annotated[
        int,
        Meta(ge=1, le=int(LONGEST_HOLD.total_seconds()), description="Lifetime in seconds."),
    ] = DEFAULT_HOLD_S
    overrun: Overrun = "refuse"
    reference: Reference = ""
    metadata: Metadata = {}


class Held(Reply, kw_only=True):
    """A new hold. ``balance``, ``held`` and ``available`` are the account's current values."""

    id: UUID
    account: AccountId
    amount: Credits
    expires_at: Instant
    overrun: Overrun
    reference: str
    balance: Credits
    available: Credits
    held: Credits


class HoldState(Reply, kw_only=True):
    """The current state of a hold. ``remaining`` of ``amount`` is still held."""

    id: UUID
    account: AccountId
    status: HoldStatus
    amount: Credits
    captured: Credits
    remaining: Credits
    overrun: Overrun
    reference: str
    metadata: Metadata
    created_at: Instant
    expires_at: Instant
    closed_at: Instant | UnsetType = UNSET


class CaptureRequest(ChargeRequest, kw_only=True):
    """What the work cost. ``close`` releases the rest; false keeps it held for further captures."""

    close: bool = True


class Captured(Reply, kw_only=True):
    """A recorded capture. ``held``, ``available`` and ``hold_remaining`` are current values."""

    id: EntryId
    hold: UUID
    account: AccountId
    amount: Credits
    balance_after: Credits
    available: Credits
    held: Credits
    hold_remaining: Credits


class ReleaseRequest(Request, kw_only=True):
    """An empty object."""


class TransferRequest(Request, kw_only=True):
    """Credits to transfer between accounts. They keep their expiry date."""

    from_: Annotated[UUID, Meta(description="Sender's account.")] = field(name="from")
    to: Annotated[UUID, Meta(description="Recipient's account.")]
    amount: AmountGiven
    reference: Reference = ""
    message: Annotated[str, Meta(max_length=500, description="Message to the recipient.")] = ""


class Transferred(Reply, kw_only=True):
    """A recorded transfer: one entry in each account. ``balance_after`` is the sender's."""

    id: Annotated[int, Meta(description="Sender's entry.")]
    received_id: Annotated[int, Meta(description="Recipient's entry.")]
    from_: AccountId = field(name="from")
    to: AccountId
    amount: Credits
    balance_after: Credits
    reference: str


class AccountBalance(Reply, kw_only=True):
    """``balance`` is all credits, ``held`` those on hold, ``available`` those that can be spent. ``account`` is missing
    for a user who has none yet.
    """

    account: AccountId | UnsetType = UNSET
    balance: Credits
    available: Credits
    held: Credits


class EntriesQuery(Request, kw_only=True):
    limit: Annotated[int, Meta(ge=1, le=MOST_ENTRIES)] = 50
    cursor: Annotated[str, Meta(max_length=50, description="`next_cursor` of the previous page.")] = ""
    kind: Kind | UnsetType = UNSET


class LotMoved(Reply, kw_only=True):
    """The change to one lot of credits."""

    lot: int
    amount: Credits


class EntryShown(Reply, kw_only=True):
    """One change of an account. ``key`` is yours if your client made the entry."""

    id: EntryId
    version: Annotated[int, Meta(description="Position in the account's history: 1, 2, 3, …")]
    kind: Kind
    amount: Annotated[str, Meta(pattern=PLAIN_NUMBER, description="Signed.")]
    balance_after: Credits
    key: str
    reference: str
    metadata: Annotated[Raw, Meta(extra_json_schema={"type": "object", "additionalProperties": True})]
    lots: list[LotMoved]
    created_at: Instant


class EntriesPage(Reply, kw_only=True):
    """Entries, newest first. ``next`` and ``next_cursor`` are given if there are more."""

    entries: list[EntryShown]
    next: Annotated[str, Meta(extra_json_schema={"format": "uri"})] | UnsetType = UNSET
    next_cursor: str | UnsetType = UNSET
