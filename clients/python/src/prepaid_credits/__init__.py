"""Charge work to prepaid credits exactly once, whatever the network does.

with CreditsClient("https://credits.example.com", api_key="pck_…") as client:
    client.spend(account, "2.5", reference="job 7")
"""

from prepaid_credits.batch import Batch, exit_on_sigterm
from prepaid_credits.client import CreditsClient
from prepaid_credits.errors import (
    ApiError,
    BatchClosed,
    BatchFull,
    CapReached,
    Conflict,
    CreditsError,
    HoldClosed,
    InsufficientCredits,
    InvalidRequest,
    KeyConflict,
    NoAnswer,
    NotAuthenticated,
    NotFound,
    NotSent,
    PermissionDenied,
    RateLimited,
    ServerError,
    SpoolDamaged,
    SpoolInUse,
    TokenRefused,
    UnexpectedAnswer,
    UnknownAccount,
    UnknownHold,
    UnknownModel,
    WrongField,
)
from prepaid_credits.hold import Hold
from prepaid_credits.queued import Outcome
from prepaid_credits.retrying import Retrying
from prepaid_credits.values import Balance, Captured, Entry, Estimate, HoldState, Spent, Transferred

__all__ = [
    "ApiError",
    "Balance",
    "Batch",
    "BatchClosed",
    "BatchFull",
    "CapReached",
    "Captured",
    "Conflict",
    "CreditsClient",
    "CreditsError",
    "Entry",
    "Estimate",
    "Hold",
    "HoldClosed",
    "HoldState",
    "InsufficientCredits",
    "InvalidRequest",
    "KeyConflict",
    "NoAnswer",
    "NotAuthenticated",
    "NotFound",
    "NotSent",
    "Outcome",
    "PermissionDenied",
    "RateLimited",
    "Retrying",
    "ServerError",
    "Spent",
    "SpoolDamaged",
    "SpoolInUse",
    "TokenRefused",
    "Transferred",
    "UnexpectedAnswer",
    "UnknownAccount",
    "UnknownHold",
    "UnknownModel",
    "WrongField",
    "exit_on_sigterm",
]
