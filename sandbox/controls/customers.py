"""Act on customers' saved cards as time, banks and people do."""

from typing import Annotated

from msgspec import Meta

from sandbox import ids, store
from sandbox.controls.answering import ControlError
from sandbox.controls.checkout import read_card
from sandbox.payments import methods, saved_methods, subscription_states
from sandbox.shapes import Json
from sandbox.webhooks.events import acting_for

Month = Annotated[int, Meta(ge=1, le=12)]
Year = Annotated[int, Meta(ge=2000, le=2099)]


def replace_card(customer_id: str, *, card: str, name: str | None = "Test Buyer") -> Json:
    """Attach a card, even one that is declined, as the default in place of the old one. Return customer and card.

    Subscriptions that have a card of their own are charged by it from now on, too.
    """
    details = read_card(card, None, name)
    with store.writing(), acting_for(ids.make_id("request")):
        customer = store.get_record("customer", customer_id)
        if customer.deleted:
            raise ControlError("the customer was deleted", 409)
        former = {saved_methods.get_default(customer), *subscription_states.list_methods(customer.id)} - {
            None
        }
        method = methods.create_card_method(details, customer.data["email"])
        saved_methods.attach(method, customer.id, allow_redisplay="always")
        saved_methods.set_default(customer, method.id)
        for method_id in sorted(map(str, former)):
            saved_methods.detach(store.get_record("payment_method", method_id))
        return {"customer": store.get_object("customer", customer.id), "payment_method": method.data}


def set_expiry(method_id: str, *, exp_month: Month, exp_year: Year) -> Json:
    """Have the card's bank report another expiry, as it does for a card that it renewed."""
    with store.writing(), acting_for(None):
        method = store.get_record("payment_method", method_id)
        if method.data["type"] != "card" or method.data["customer"] is None:
            raise ControlError("only a customer's card has an expiry that can change", 409)
        card = {**method.data["card"], "exp_month": exp_month, "exp_year": exp_year}
        saved_methods.update_method(method, "payment_method.automatically_updated", card=card)
        return dict(method.data)
