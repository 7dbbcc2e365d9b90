"""Confirm payment intents by the API, with the buyer present (on-session) or not."""

from dataclasses import dataclass

from sandbox import store
from sandbox.base_url import get_base_url
from sandbox.models import Record
from sandbox.payments import charges, disputes, intents, methods, saved_methods
from sandbox.payments.cards import ACTION_REFUSED, AUTHENTICATION_REQUIRED
from sandbox.payments.settling import report_attempt
from sandbox.payments.states import RefusedError, require_status


@dataclass(frozen=True)
class Terms:
    """Say under which conditions to charge. Off-session, no buyer is there to authenticate.

    `return_url` is where their bank sends them back to; `refuses_action` fails rather than ask for authentication,
    `waits_for_buyer` asks for it even off-session, as an invoice does.
    """

    off_session: bool = False
    return_url: str | None = None
    refuses_action: bool = False
    waits_for_buyer: bool = False


def confirm_intent(intent: Record, method: Record, terms: Terms) -> None:
    """Try to take the money. The intent's status tells how that ended. Raises RefusedError for an unusable method."""
    require_usable(intent, method)
    reason = methods.find_decline(method)
    if _asks_for_authentication(method, terms):
        if terms.off_session and not terms.waits_for_buyer:
            reason = AUTHENTICATION_REQUIRED
        elif terms.refuses_action:
            intents.refuse_action(intent, method.data, ACTION_REFUSED)
            return
        else:
            _send_to_bank(intent, method, terms.return_url)
            return
    if reason is not None:
        intents.decline(intent, method.data, reason)
    else:
        _finish(intents.succeed(intent, method.data))


def require_usable(intent: Record, method: Record) -> None:
    """Raise RefusedError unless this method may pay this intent: it is new, or belongs to the intent's customer."""
    owner = method.data["customer"]
    if owner is not None and owner != intent.data["customer"]:
        raise RefusedError(
            f"The `payment_method` parameter supplied {method.id} belongs to the Customer {owner}. Please include the"
            " Customer in the `customer` parameter on the PaymentIntent.",
            param="payment_method",
        )
    saved_methods.require_unspent(method)


def _asks_for_authentication(method: Record, terms: Terms) -> bool:
    card = methods.get_test_card(method)
    if not card.needs_authentication:
        return False
    return not terms.off_session or card.authenticates_always or not method.private.get("is_set_up")


def _send_to_bank(intent: Record, method: Record, return_url: str | None) -> None:
    """Ask the buyer to authenticate. Without a return URL, Stripe's JavaScript would open the bank's page."""
    intent.private["return_url"] = return_url
    url = f"{get_base_url()}/authenticate/{intent.id}/{get_page_secret(intent)}"
    intents.require_authentication(intent, method.data, url, return_url)


def get_page_secret(intent: Record) -> str:
    """Return what the address of the bank's page ends in, so that nobody guesses it."""
    return str(intent.data["client_secret"]).rpartition("_")[2]


def authenticate_intent(intent: Record, *, passed: bool) -> None:
    """Pass or fail the 3-D Secure that the intent waits for. Raises WrongStateError if it doesn't."""
    require_status(intent, "requires_action")
    method = store.get_object("payment_method", intent.data["payment_method"])
    if passed:
        _finish(intents.succeed(intent, method, is_authenticated=True))
    else:
        intents.fail_authentication(intent, method)
    report_attempt(intent)


def _finish(charge: Record) -> None:
    charges.settle_charge(charge)
    disputes.dispute_if_card_does(charge)


def cancel_intent(intent: Record, reason: str | None) -> None:
    """Cancel an intent. Raises RefusedError if it is too late."""
    allowed = (
        "requires_payment_method",
        "requires_capture",
        "requires_confirmation",
        "requires_action",
        "processing",
    )
    if intent.data["status"] not in allowed:
        raise RefusedError(
            f"You cannot cancel this PaymentIntent because it has a status of {intent.data['status']}. Only a"
            f" PaymentIntent with one of the following statuses may be canceled: {', '.join(allowed)}.",
            code="payment_intent_unexpected_state",
        )
    intents.cancel(intent, reason)
