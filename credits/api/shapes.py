"""What the API for services takes and gives, stated once: requests are parsed by these, answers written by them, and
the OpenAPI document is made from them (`credits.api.openapi`).
"""

from __future__ import annotations

import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

from credits.ledger.arguments import LONGEST_TEXT
from credits.ledger.holds import LONGEST_HOLD, Overrun
from credits.ledger.operations import MOST_ITEMS
from credits.ledger.results import Outcome

# With the client's id before it, it is a business key of the ledger, which has 200 characters.
LONGEST_KEY = 160
MOST_ENTRIES = 200
DEFAULT_HOLD_S = 3600
LONGEST_NAME = 151  # provider/model

PLAIN_NUMBER = r"^-?[0-9]+(\.[0-9]{1,6})?$"

AmountGiven = Annotated[
    Raw,
    Meta(
        description="Above zero, six decimal places at most, below 10^18. A string or a number; both are read digit "
        "by digit.",
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
        description="A plain decimal: no exponent, no zeros at its end.",
        extra_json_schema={"example": "97.5"},
    ),
]
Key = Annotated[
    str, Meta(min_length=1, max_length=LONGEST_KEY, pattern=r"^[ -~]+$", description="Printable ASCII.")
]
Reference = Annotated[
    str, Meta(max_length=LONGEST_TEXT, description="What it was for, in your words. Shown to the buyer.")
]
Metadata = Annotated[dict[str, Any], Meta(description="A JSON object of yours, 10,000 characters at most.")]
Instant = Annotated[datetime.datetime, Meta(extra_json_schema={"type": "string", "format": "date-time"})]
EntryId = Annotated[int, Meta(description="The entry's id.")]
AccountId = Annotated[UUID, Meta(description="The account's id.")]
Model = Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME, description="As on the rate card.")]
Usage = Annotated[
    dict[str, Quantity],
    Meta(description="Quantities by unit, priced by the rate card.", extra_json_schema={"minProperties": 1}),
]
# msgspec knows no classes of Django's; a test holds these to them.
HoldStatus = Literal["open", "captured", "released", "expired"]
Kind = Literal[
    "purchase",
    "promotion",
    "spend",
    "gift_sent",
    "gift_received",
    "expiry",
    "refund",
    "dispute",
    "adjustment",
    "offset",
    "forfeit",
]


class Request(Struct, forbid_unknown_fields=True):
    """The base of what is taken: a field that is not known here is refused, for it may be a typing error."""


class Reply(Struct, omit_defaults=True):
    """The base of what is given. A field without a value is left out."""


class ChargeRequest(Request, kw_only=True):
    """What is to be charged: an ``amount``, or a ``model`` with its ``usage``."""

    amount: AmountGiven | UnsetType = UNSET
    model: Model | UnsetType = UNSET
    usage: Usage | UnsetType = UNSET
    metadata: Metadata = {}


class SpendRequest(ChargeRequest, kw_only=True):
    """Credits to take: an ``amount``, or a ``model`` with its ``usage``, which the rate card prices."""

    account: AccountId
    reference: Reference = ""
    member: Annotated[UUID, Meta(description="The user who spends from a team's account.")] | UnsetType = (
        UNSET
    )


class Spent(Reply, kw_only=True):
    """A spend as it stands in the books. ``held`` and ``available`` are those of the moment of the answer."""

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
    """How one spend of a batch went. ``missing`` is there when it was insufficient, ``id`` when it is in the books."""

    status: Outcome
    account: AccountId
    key: str
    amount: Credits
    id: EntryId | UnsetType = UNSET
    balance_after: Credits | UnsetType = UNSET
    missing: Credits | UnsetType = UNSET


class BatchSpent(Reply, kw_only=True):
    """One result per spend, in their order."""

    results: list[BatchResult]


class HoldRequest(Request, kw_only=True):
    """Credits to set aside. ``overrun``: what a capture above what is held does when the balance doesn't allow it."""

    account: AccountId
    amount: AmountGiven
    expires_in: Annotated[
        int,
        Meta(
            ge=1, le=int(LONGEST_HOLD.total_seconds()), description="Seconds; an hour where nothing is said."
        ),
    ] = DEFAULT_HOLD_S
    overrun: Overrun = "refuse"
    reference: Reference = ""
    metadata: Metadata = {}


class Held(Reply, kw_only=True):
    """A hold as it was made. ``balance``, ``held`` and ``available`` are the account's at the moment of the answer."""

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
    """A hold as it stands now. ``remaining`` of ``amount`` are still set aside."""

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
    """What the work cost. ``close``: give back what is left; false keeps it held for further captures."""

    close: bool = True


class Captured(Reply, kw_only=True):
    """A capture as it stands in the books. ``held``, ``available`` and ``hold_remaining`` are those of the moment."""

    id: EntryId
    hold: UUID
    account: AccountId
    amount: Credits
    balance_after: Credits
    available: Credits
    held: Credits
    hold_remaining: Credits


class ReleaseRequest(Request, kw_only=True):
    """Nothing needs saying."""


class TransferRequest(Request, kw_only=True):
    """Credits to give from one account to another. They keep their expiry."""

    from_: Annotated[UUID, Meta(description="The giver's account.")] = field(name="from")
    to: Annotated[UUID, Meta(description="The receiver's account.")]
    amount: AmountGiven
    reference: Reference = ""
    message: Annotated[str, Meta(max_length=500, description="To the receiver.")] = ""


class Transferred(Reply, kw_only=True):
    """A transfer as it stands in the books: an entry in each account. ``balance_after`` is the giver's."""

    id: Annotated[int, Meta(description="The giver's entry.")]
    received_id: Annotated[int, Meta(description="The receiver's entry.")]
    from_: AccountId = field(name="from")
    to: AccountId
    amount: Credits
    balance_after: Credits
    reference: str


class AccountBalance(Reply, kw_only=True):
    """``balance`` is all credits, ``held`` those set aside, ``available`` what can be spent. No ``account``: a user
    who has none yet.
    """

    account: AccountId | UnsetType = UNSET
    balance: Credits
    available: Credits
    held: Credits


class EntriesQuery(Request, kw_only=True):
    limit: Annotated[int, Meta(ge=1, le=MOST_ENTRIES)] = 50
    cursor: Annotated[str, Meta(max_length=50, description="Of the page before, from `next_cursor`.")] = ""
    kind: Kind | UnsetType = UNSET


class LotMoved(Reply, kw_only=True):
    """What an entry did to one lot of credits."""

    lot: int
    amount: Credits


class EntryShown(Reply, kw_only=True):
    """One thing that happened to the account. ``key`` is yours where your client made the entry."""

    id: EntryId
    version: Annotated[int, Meta(description="Its place in the account's history: 1, 2, 3, …")]
    kind: Kind
    amount: Annotated[str, Meta(pattern=PLAIN_NUMBER, description="Signed.")]
    balance_after: Credits
    key: str
    reference: str
    metadata: Annotated[Raw, Meta(extra_json_schema={"type": "object", "additionalProperties": True})]
    lots: list[LotMoved]
    created_at: Instant


class EntriesPage(Reply, kw_only=True):
    """Entries, newest first. ``next`` and ``next_cursor`` are there when there are more."""

    entries: list[EntryShown]
    next: Annotated[str, Meta(extra_json_schema={"format": "uri"})] | UnsetType = UNSET
    next_cursor: str | UnsetType = UNSET
