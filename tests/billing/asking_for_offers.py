"""Get every answer that the descriptions of quotes, redemption codes and referrals promise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import requests

from tests.redemption.builders import new_code

QUOTE, REDEEM, REFERRAL = "quote_order", "redeem_code", "read_referral"
Answers = Iterator[tuple[str, requests.Response]]


def ask_for_offers(send: Callable[..., requests.Response], settings: Any) -> Answers:
    """Ask with every refusal on the way. ``send`` takes an operation's name."""
    order = {"package_code": "pro"}
    for who in ("buyer", "", "service"):
        yield QUOTE, send(QUOTE, who, json=order)
    for body in ({}, {"package_code": "nothing"}, {**order, "discount_code": "NONE"}):
        yield QUOTE, send(QUOTE, json=body)
    yield QUOTE, send(QUOTE, data=order)
    yield from _redeem(send)
    for settings.REFERRAL_REWARD in (Decimal(500), Decimal(0)):
        for who in ("buyer", "", "service"):
            yield REFERRAL, send(REFERRAL, who)


def _redeem(send: Callable[..., requests.Response]) -> Answers:
    code = {"code": new_code()}
    for who in ("buyer", "", "service"):
        yield REDEEM, send(REDEEM, who, json=code)
    for body in ({}, {"code": "7K3M-Q9TX-0ZB4-WHE2"}):
        yield REDEEM, send(REDEEM, json=body)
    yield REDEEM, send(REDEEM, data=code)
