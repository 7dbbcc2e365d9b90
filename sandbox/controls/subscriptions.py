"""Move the clock as far as a subscription needs it."""

from sandbox import clock, store
from sandbox.controls.answering import ControlError
from sandbox.payments.deadlines import meet_deadlines
from sandbox.payments.periods import HOUR_S
from sandbox.payments.subscription_states import OVER
from sandbox.payments.subscriptions import get_period
from sandbox.shapes import Json


def renew(subscription_id: str) -> Json:
    """Move the clock until the next period has begun and its invoice was charged. Return both.

    One that is to be canceled ends instead.
    """
    with store.writing():
        subscription = store.get_record("subscription", subscription_id)
        if subscription.data["status"] in OVER:
            raise ControlError(f"the subscription is {subscription.data['status']}", 409)
        due = get_period(subscription).end + HOUR_S
        now = clock.advance(max(0, due - clock.get_now()))
        meet_deadlines()
        renewed = store.get_object("subscription", subscription_id)
        return {
            "now": now,
            "subscription": renewed,
            "invoice": store.get_object("invoice", renewed["latest_invoice"]),
        }
