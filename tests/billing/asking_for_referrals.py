"""Get every answer that the description of a user's referral link promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import requests

NAME = "read_referral"


def ask_for_referrals(
    send: Callable[..., requests.Response], settings: Any
) -> Iterator[tuple[str, requests.Response]]:
    """Ask while there are rewards, and while there are none. ``send`` takes an operation's name."""
    for settings.REFERRAL_REWARD in (Decimal(500), Decimal(0)):
        for who in ("buyer", "", "service"):
            yield NAME, send(NAME, who)
