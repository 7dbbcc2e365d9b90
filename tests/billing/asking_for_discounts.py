"""Get every answer that the description of an order's price promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import requests

NAME = "quote_order"


def ask_for_discounts(send: Callable[..., requests.Response]) -> Iterator[tuple[str, requests.Response]]:
    """Price orders, with every refusal on the way. ``send`` takes an operation's name."""
    order = {"package_code": "pro"}
    for who in ("buyer", "", "service"):
        yield NAME, send(NAME, who, json=order)
    for body in ({}, {"package_code": "nothing"}, {**order, "discount_code": "NONE"}):
        yield NAME, send(NAME, json=body)
    yield NAME, send(NAME, data=order)
