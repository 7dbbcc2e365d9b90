"""Pay an open invoice on its own page, by a card that isn't saved yet."""

from sandbox import store
from sandbox.models import Record
from sandbox.payments import intents, invoicing, methods
from sandbox.payments.cards import CardDetails
from sandbox.payments.confirming import Terms, confirm_intent
from sandbox.payments.settling import report_attempt
from sandbox.shapes import Json


def pay_invoice(invoice: Record, card: CardDetails) -> Record:
    """Try a card, which becomes the subscription's if it pays. Return the intent, whose status tells how that ended.

    Raises WrongStateError unless the invoice can still be paid. An amount of zero was never asked for.
    """
    invoicing.require_payable(invoice)
    intent = invoicing.require_intent(invoice)
    customer = store.get_object("customer", invoice.data["customer"])
    intent.private["becomes_default"] = True
    intents.save_on_success(intent, "limited")
    method = methods.create_card_method(card, customer["email"])
    confirm_intent(intent, method, Terms(return_url=invoice.data["hosted_invoice_url"]))
    report_attempt(intent)
    return intent


def find_bank_url(intent: Json) -> str | None:
    """Return the address of the bank's page that an intent waits for, if it does."""
    action = intent["next_action"]
    if action is None:
        return None
    details: dict[str, str] = action[action["type"]]
    return details.get("url") or details["stripe_js"]
