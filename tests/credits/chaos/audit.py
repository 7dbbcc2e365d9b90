"""The books afterwards, held against what the workers wrote down."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from django.db.models import F

from credits.ledger import operations as ledger
from credits.ledger.models import Account, Clawback, Entry, Hold
from credits.proof.checking import find_violations
from tests.credits.chaos.journal import Done, read_journal
from tests.credits.chaos.operations import LONGEST_HOLD_S

Findings = dict[str, list[str]]
Fact = tuple[str, str]  # account and key

# Entries that the ledger books by itself, when there is a reason for them: nobody asked for that key.
BY_ITSELF = ("expiry:", "clawback:", "offset:")


def audit(folder: Path) -> Findings:
    """What is wrong, by kind of wrong."""
    done = [one for path in sorted(folder.glob("*.journal")) for one in read_journal(path)[0]]
    _end_holds()
    booked = _booked()
    findings = {
        "lost": list(_lost(done, booked)),
        "twice": [f"{fact}: {entries}" for fact, entries in booked.items() if len(entries) > 1],
        "unasked": list(_unasked(done, booked)),
        "negative": [
            f"account {account.pk}: {account.balance}"
            for account in Account.objects.filter(balance__lt=F("held") - F("debt"))
        ],
        "leaked holds": [f"hold {hold.pk}" for hold in Hold.objects.filter(status="open")]
        + [f"account {account.pk}: {account.held}" for account in Account.objects.exclude(held=0)],
        "violations": [f"{one.invariant}: {one.subject}: {one.detail}" for one in find_violations()],
        "errors": [one.answer["error"] for one in done if "error" in one.answer],
        "wrong refusals": [
            str(one) for one in done if one.answer.get("missing") and Decimal(one.answer["missing"]) <= 0
        ],
    }
    return {kind: found for kind, found in findings.items() if found}


def counted(folder: Path) -> dict[str, int]:
    """How many answers of each kind there were."""
    counts: Counter[str] = Counter()
    for path in folder.glob("*.journal"):
        for one in read_journal(path)[0]:
            counts[f"{one.operation['do']} {one.answer.get('refused') or 'done'}"] += 1
            counts["answers"] += 1
            counts["asked more than once"] += one.answer.get("asked", 1) > 1
            counts["unknown, and had been done"] += (
                bool(one.answer.get("repeated")) and one.answer["asked"] > 1
            )
    return dict(sorted(counts.items()))


def _end_holds() -> None:
    if Hold.objects.filter(status="open").exists():
        time.sleep(LONGEST_HOLD_S)
    while ledger.expire_holds():
        pass


def _booked() -> dict[Fact, list[Entry]]:
    booked: dict[Fact, list[Entry]] = {}
    for entry in Entry.objects.all():
        booked.setdefault((str(entry.account_id), entry.key), []).append(entry)
    return booked


def _facts(one: Done) -> Iterator[tuple[Fact, int, Decimal]]:
    """The entries that an answer promises: account and key, id, signed amount."""
    operation, answer = one.operation, one.answer
    if operation["do"] == "spend_many":
        for (account, amount, key), (outcome, entry) in zip(
            operation["items"], answer.get("items", []), strict=False
        ):
            if outcome in ("done", "repeated"):
                yield (account, key), entry, -Decimal(amount)
    elif answer.get("entry") is not None and "key" in operation:
        account = answer.get("account") or operation["account"]
        amount = Decimal(operation["amount"])
        yield (account, operation["key"]), answer["entry"], amount if operation["do"] == "grant" else -amount
        if "received" in answer:
            yield (operation["to"], f"gift:{account}:{answer['version']}"), answer["received"], amount


def _lost(done: list[Done], booked: dict[Fact, list[Entry]]) -> Iterator[str]:
    for one in done:
        for fact, entry_id, amount in _facts(one):
            found = [(entry.pk, entry.amount) for entry in booked.get(fact, [])]
            if (entry_id, amount) not in found:
                yield f"{fact}: {entry_id} with {amount} is not among {found}"
    yield from _lost_holds(done)
    yield from _lost_claims(done)
    yield from _wrong_balances(done, booked)


def _lost_holds(done: list[Done]) -> Iterator[str]:
    holds = {str(hold.pk): hold for hold in Hold.objects.all()}
    for one in done:
        if "hold" in one.answer:
            hold = holds.get(one.answer["hold"])
            if hold is None or (hold.key, hold.amount) != (
                one.operation["key"],
                Decimal(one.operation["amount"]),
            ):
                yield f"hold {one.answer['hold']}"
        if "released" in one.answer and holds[one.operation["hold"]].status == "open":
            yield f"the release of hold {one.operation['hold']}"


def _lost_claims(done: list[Done]) -> Iterator[str]:
    """On each lot stands what was claimed of it last. A lot is claimed from by the worker that granted it alone."""
    last = {
        one.operation["lot"]: {claim for claim, *_rest in one.operation["claims"]}
        for one in done
        if one.operation["do"] == "claw_back" and "refused" not in one.answer
    }
    stand = defaultdict(set)
    for lot, claim in Clawback.objects.filter(amount__gt=0).values_list("lot_id", "id"):
        stand[lot].add(str(claim))
    for lot, claims in last.items():
        if stand[lot] != claims:
            yield f"on lot {lot} stand {stand[lot]}, and {claims} were claimed"


def _wrong_balances(done: list[Done], booked: dict[Fact, list[Entry]]) -> Iterator[str]:
    """What the answers add up to, with what the ledger booked by itself, is what the accounts have."""
    told = {fact: amount for one in done for fact, _entry, amount in _facts(one)}
    itself = {fact: entries[0].amount for fact, entries in booked.items() if fact[1].startswith(BY_ITSELF)}
    balances: defaultdict[str, Decimal] = defaultdict(Decimal)
    for (account_id, _key), amount in {**told, **itself}.items():
        balances[account_id] += amount
    for account in Account.objects.all():
        if account.balance != balances[str(account.pk)]:
            yield f"account {account.pk} has {account.balance}, by the answers {balances[str(account.pk)]}"


def _unasked(done: list[Done], booked: dict[Fact, list[Entry]]) -> Iterator[str]:
    """Entries that nobody was told of: refused, or never asked for."""
    told = {fact for one in done for fact, _entry, _amount in _facts(one)}
    for fact, entries in booked.items():
        if fact not in told and not fact[1].startswith(BY_ITSELF):
            yield f"{fact}: {entries[0].kind} {entries[0].amount}"
