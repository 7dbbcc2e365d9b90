"""What the machine of `test_machine.py` does next: a step's name and its arguments, made up by Hypothesis.

One strategy draws them all. Of a rule for each, Hypothesis would switch some off in each example, and mostly there
would be captures and no holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from tests.credits.plain_ledger import SMALLEST
from tests.credits.real_books import NOBODY

# Time passes by whole hours and everything ends at half past, so no test is so slow that it matters.
HOUR = timedelta(hours=1)
HALF_PAST = timedelta(minutes=30)
PEOPLE = ("ann", "ben", "cy")
ANY = 7  # of the numbers that say which: one in eight names any hold, not only an open one

# Most of it about one, so that her lots, holds and debts meet each other.
anybody = st.sampled_from([*["ann"] * 12, *["ben"] * 6, "cy", NOBODY])
ends = st.sampled_from([0, 1, 1, 3, 6]).map(lambda hours: hours * HOUR + HALF_PAST)
references = st.sampled_from(["", "", "job 7"])
words = st.sampled_from([{}, {}, {"model": "small", "tokens": [1, 2]}])
which = st.integers(0, ANY)
# How many keys back one is used again; mostly it is a new one.
reuse = st.sampled_from([None] * 12 + [1, 2, ANY])


def _millionths(least: int, most: int) -> st.SearchStrategy[Decimal]:
    return st.integers(least, most).map(lambda number: Decimal(number).scaleb(-6))


sizes = st.one_of(
    st.integers(1, 40).map(Decimal),
    _millionths(1, 30_000_000),
    st.sampled_from(["0.000001", "0.1", "0.3", "2.500000", "1E+1"]).map(Decimal),
)
plenty = _millionths(50_000_000, 200_000_000)
huge = st.sampled_from(["123456789012345678.123457", "600000000000000000", "999999999999999999.999999"]).map(
    Decimal
)
# A part of what there is: all of it, one smallest unit more or less, or half.
parts = st.sampled_from(["half", "less", "all", "more"])
amounts = st.one_of(sizes, sizes, sizes, parts)
no_amounts = st.sampled_from(["0", "-1", "0.0000001", "1.1234567", "1E+18", "1E+30", "NaN", "Infinity"])

# What a repeat may say instead of what was said before.
OTHERS: dict[str, Any] = {
    "amount": Decimal(3),
    "reference": "another",
    "metadata": {"other": 1},
    "kind": "adjustment",
    "cost": (5, "usd"),
    "expires_at": 90 * HOUR + HALF_PAST,
    "expires_in": 2 * HOUR + HALF_PAST,
    "overrun": "debt",
    "close": False,
    "receiver": "cy",
}


def amount_of(amount: Decimal | str, whole: Decimal) -> Decimal:
    """``amount``, or the part of ``whole`` that it names; never nothing, unless it says so."""
    if isinstance(amount, Decimal):
        return amount
    if amount == "none":
        return Decimal(0)
    part = {
        "all": whole,
        "more": whole + SMALLEST,
        "less": whole - SMALLEST,
        "half": whole / 2,
        "third": whole / 3,
    }[amount]
    return max(part.quantize(SMALLEST), SMALLEST)


@dataclass(frozen=True)
class Step:
    name: str
    arguments: dict[str, Any]


# How often, and with what.
_STEPS: dict[str, tuple[int, dict[str, st.SearchStrategy[Any]]]] = {
    "grant": (
        4,
        {
            "name": anybody,
            "amount": st.one_of(*[sizes, plenty] * 7, huge),
            "promotional": st.booleans(),
            "cost": st.sampled_from([None, (1000, "usd"), (999, "eur"), (7, "usd")]),
            "expires_in": st.none() | ends,
            "reference": references,
            "metadata": words,
            "back": reuse,
        },
    ),
    "spend": (
        5,
        {"name": anybody, "amount": amounts, "reference": references, "metadata": words, "back": reuse},
    ),
    "spend_many": (
        3,
        {"items": st.lists(st.tuples(anybody, amounts, references, st.integers(0, 7)), max_size=8)},
    ),
    "hold": (
        5,
        {
            "name": anybody,
            "amount": amounts,
            "expires_in": ends,
            "overrun": st.sampled_from(["refuse", "debt"]),
            "reference": references,
            "metadata": words,
            "back": reuse,
        },
    ),
    "capture": (
        5,
        {
            "amount": st.one_of(*[amounts] * 6, huge),
            "beyond": st.booleans(),
            "close": st.booleans(),
            "reference": st.none() | references,
            "metadata": words,
            "which": which,
            "back": reuse,
        },
    ),
    "release": (2, {"which": which}),
    "transfer": (
        4,
        {
            "giver": anybody,
            "receiver": anybody,
            "amount": amounts,
            "reference": references,
            "metadata": words,
            "back": reuse,
        },
    ),
    "claw_back": (
        7,
        {
            "whose": st.sampled_from([None] * 12 + [*PEOPLE, NOBODY]),
            "claims": st.lists(
                st.tuples(
                    st.integers(0, 3),
                    st.sampled_from(["refund", "dispute"]),
                    st.sampled_from(["cap", "debt"]),
                    st.sampled_from(["none", "half", "half", "third", "all", "more"]),
                ),
                max_size=3,
                unique_by=lambda claim: claim[0],
            ),
            "kind": st.sampled_from(["refund", "dispute"]),
            "metadata": words,
            "which": st.integers(0, 12),
        },
    ),
    "adjust": (
        3,
        {"name": anybody, "amount": amounts, "gives": st.booleans(), "expires_in": st.none() | ends},
    ),
    "undo": (3, {"which": st.integers(0, 5), "back": reuse}),
    "close": (1, {"name": st.sampled_from(["cy", "cy", "ben"])}),
    "time_passes": (3, {"hours": st.integers(1, 3)}),
    "expire_holds": (1, {"limit": st.sampled_from([1, 1000])}),
    "expire_lots": (2, {"name": anybody}),
    "repeat": (3, {"which": st.integers(0, 20)}),
    "repeat_with_other_arguments": (3, {"which": st.integers(0, 20), "changed": st.integers(0, 9)}),
    "repeat_with_no_amount": (1, {"which": st.integers(0, 20), "amount": no_amounts.map(Decimal)}),
}


@st.composite
def _step(draw: st.DrawFn) -> Step:
    name = draw(
        st.sampled_from([name for name, (often, _arguments) in _STEPS.items() for _time in range(often)])
    )
    return Step(name, draw(st.fixed_dictionaries(_STEPS[name][1])))


steps = _step()
beginnings = st.lists(
    st.tuples(st.sampled_from(["ann", "ann", "ben"]), plenty, st.none() | ends), min_size=2, max_size=6
)
