"""Which account this is, and whether it is live."""

from sandbox import store
from sandbox.account import change_account, get_account
from sandbox.controls.answering import ControlError, expect, take
from sandbox.shapes import Json


def show(order: Json) -> Json:
    take(order)
    return get_account().to_json()


def change(order: Json) -> Json:
    """Set what is given and leave the rest."""
    current = get_account().to_json()
    take(order, **current)
    expect(order, id=str, livemode=bool, live_keys=bool)
    fields = {**current, **{name: value for name, value in order.items() if value is not None}}
    if not fields["id"]:
        raise ControlError("an account has an id")
    with store.writing():
        return change_account(**fields).to_json()
