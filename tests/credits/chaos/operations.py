"""Random operations of the ledger: made up as plain records, carried out by the real one."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from uuid import UUID

from credits.errors import LedgerError
from credits.ledger import operations as ledger
from credits.ledger.models import Clawback, Entry
from credits.ledger.results import SpendOrder
from credits.ledger.selectors import locate_hold
from tests.credits.chaos.journal import Record

MILLION = 1_000_000
LONGEST_HOLD_S = 1.5
CLAIMED_AT = datetime(2026, 1, 1, tzinfo=UTC)


class Plans:
    """What one worker does next. Half of it is about a few hot accounts.

    ``shared`` operations are the same for every worker: the same fact, reported by each of them under the same key.
    """

    def __init__(self, worker: str, seed: str, accounts: list[str], hot: int, only: list[str]) -> None:
        self.worker = worker
        self.random = Random(seed)  # noqa: S311 - no secret
        self.accounts, self.hot = accounts, accounts[:hot]
        self.only = only
        self.number = 0
        self.shared = 0
        self.lots: list[tuple[str, int]] = []
        self.holds: list[str] = []

    def next(self) -> Record:
        self.number += 1
        choices: dict[str, tuple[int, Callable[[], Record]]] = {
            "spend": (30, self._spend),
            "shared": (10, self._shared),
            "spend_many": (6, self._spend_many),
            "grant": (10, self._grant),
            "hold": (14, self._hold),
            "capture": (10, self._capture),
            "release": (4, self._release),
            "transfer": (8, self._transfer),
            "claw_back": (5, self._claw_back),
            "expire_holds": (2, lambda: {"do": "expire_holds"}),
            "expire_lots": (3, lambda: {"do": "expire_lots", "account": self._account()}),
        }
        names = self.only or list(choices)
        (name,) = self.random.choices(names, [choices[name][0] for name in names])
        return choices[name][1]()

    def learn(self, operation: Record, answer: Record) -> None:
        """Lots and holds that later operations can be about."""
        # One that came before may be another worker's: nobody else claims from a lot of ours.
        if "lot" in answer and not answer["repeated"]:
            self.lots.append((operation["account"], answer["lot"]))
        if "hold" in answer and operation["do"] == "hold":
            self.holds.append(answer["hold"])

    def _key(self) -> str:
        return f"{self.worker}.{self.random.getrandbits(64):016x}"

    def _account(self) -> str:
        return self.random.choice(self.hot if self.random.random() < 0.5 else self.accounts)

    def _amount(self, most: int = 20) -> str:
        return str(Decimal(self.random.randint(1, most * MILLION)).scaleb(-6))

    def _spend(self) -> Record:
        return {"do": "spend", "account": self._account(), "amount": self._amount(), "key": self._key()}

    def _shared(self) -> Record:
        self.shared += 1
        fact = Random(self.shared)  # noqa: S311 - no secret
        what = fact.choice(["spend", "spend", "grant"])
        amount = str(fact.randint(1, 9))
        return {
            "do": what,
            "account": fact.choice(self.hot),
            "amount": amount,
            "key": f"shared.{self.shared}",
        }

    def _spend_many(self) -> Record:
        items = [[self._account(), self._amount(5), self._key()] for _ in range(self.random.randint(2, 20))]
        return {"do": "spend_many", "items": [*items, items[0]]}

    def _grant(self) -> Record:
        lasts = self.random.choice([None, None, 0.2, 2])
        expires_at = time.time() + lasts if lasts else None
        record = {"do": "grant", "account": self._account(), "amount": self._amount(60), "key": self._key()}
        return {**record, "expires_at": expires_at}

    def _hold(self) -> Record:
        record = {"do": "hold", "account": self._account(), "amount": self._amount(), "key": self._key()}
        return {**record, "lasts": self.random.uniform(0.05, LONGEST_HOLD_S)}

    def _capture(self) -> Record:
        if not self.holds:
            return self._hold()
        hold = self.random.choice(self.holds[-5:])
        close = self.random.random() < 0.7
        return {"do": "capture", "hold": hold, "amount": self._amount(), "key": self._key(), "close": close}

    def _release(self) -> Record:
        return {"do": "release", "hold": self.random.choice(self.holds[-5:])} if self.holds else self._hold()

    def _transfer(self) -> Record:
        record = {"do": "transfer", "account": self._account(), "amount": self._amount(), "key": self._key()}
        return {**record, "to": self._account()}

    def _claw_back(self) -> Record:
        if not self.lots:
            return self._grant()
        account, lot = self.random.choice(self.lots[-20:])
        claims = [
            [
                str(UUID(int=self.random.getrandbits(128))),
                self._amount(5),
                self.random.choice(["cap", "debt"]),
            ]
            for _ in range(self.random.randint(0, 2))
        ]
        return {"do": "claw_back", "account": account, "lot": lot, "claims": claims}


def carry_out(operation: Record) -> Record:
    """What the ledger answers, as a record. Every refusal is an answer; anything else that is raised is not."""
    try:
        return _CARRY_OUT[operation["do"]](operation)
    except LedgerError as refusal:
        missing = refusal.params.get("missing")
        return {"refused": type(refusal).__name__, "missing": None if missing is None else str(missing)}


def _spend(o: Record) -> Record:
    spent = ledger.spend(UUID(o["account"]), Decimal(o["amount"]), key=o["key"])
    return {"entry": spent.entry_id, "repeated": spent.repeated}


def _spend_many(o: Record) -> Record:
    orders = [SpendOrder(UUID(account), Decimal(amount), key) for account, amount, key in o["items"]]
    return {"items": [[result.outcome, result.entry_id] for result in ledger.spend_many(orders)]}


def _grant(o: Record) -> Record:
    ends = o.get("expires_at")
    expires_at = datetime.fromtimestamp(ends, UTC) if ends else None
    granted = ledger.grant(
        UUID(o["account"]),
        Decimal(o["amount"]),
        kind=Entry.Kind.PURCHASE,
        key=o["key"],
        expires_at=expires_at,
    )
    return {"entry": granted.entry_id, "lot": granted.lot_id, "repeated": granted.repeated}


def _hold(o: Record) -> Record:
    opened = ledger.hold(
        UUID(o["account"]), Decimal(o["amount"]), key=o["key"], expires_in=timedelta(seconds=o["lasts"])
    )
    return {"hold": str(opened.id), "repeated": opened.repeated}


def _capture(o: Record) -> Record:
    hold_id = UUID(o["hold"])
    account_id, _made_at = locate_hold(hold_id)
    made = ledger.capture(account_id, hold_id, Decimal(o["amount"]), key=o["key"], close=o["close"])
    return {"entry": made.entry_id, "account": str(made.account_id), "repeated": made.repeated}


def _release(o: Record) -> Record:
    hold_id = UUID(o["hold"])
    account_id, _made_at = locate_hold(hold_id)
    return {"released": str(ledger.release(account_id, hold_id).released)}


def _transfer(o: Record) -> Record:
    given = ledger.transfer(UUID(o["account"]), UUID(o["to"]), Decimal(o["amount"]), key=o["key"])
    sent = Entry.objects.get(pk=given.sent_entry_id)
    answer = {"entry": sent.pk, "version": sent.version, "received": given.received_entry_id}
    return {**answer, "repeated": given.repeated}


def _claw_back(o: Record) -> Record:
    claims = [
        ledger.Claim(UUID(id), CLAIMED_AT, Clawback.Kind.REFUND, Clawback.Policy(policy), Decimal(amount))
        for id, amount, policy in o["claims"]
    ]
    clawed = ledger.claw_back(UUID(o["account"]), o["lot"], claims, kind=Entry.Kind.REFUND)
    return {"entry": clawed.entry_id, "taken": str(clawed.taken), "owed": str(clawed.owed)}


_CARRY_OUT: dict[str, Callable[[Record], Record]] = {
    "spend": _spend,
    "spend_many": _spend_many,
    "grant": _grant,
    "hold": _hold,
    "capture": _capture,
    "release": _release,
    "transfer": _transfer,
    "claw_back": _claw_back,
    "expire_holds": lambda o: {"expired": ledger.expire_holds()},
    "expire_lots": lambda o: {"expired": ledger.expire_lots(UUID(o["account"]))},
}
