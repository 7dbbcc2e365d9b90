"""Complete checkout sessions, whatever their mode."""

from sandbox import store
from sandbox.models import Record
from sandbox.payments.buyers import update_customer
from sandbox.payments.redemptions import note_redemption
from sandbox.webhooks.events import emit


def complete_session(session: Record, *, payment_status: str) -> None:
    """Close an open session whose buyer has done their part, and emit `checkout.session.completed`."""
    session.due = None
    update_customer(session)
    note_redemption(session)
    store.change(
        session,
        status="complete",
        payment_status=payment_status,
        url=None,
        customer=session.private["customer"],
        customer_details=session.private["customer_details"],
    )
    emit("checkout.session.completed", session.data)
