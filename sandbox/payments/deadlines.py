"""What time does by itself, at every tick and whenever the clock is pushed forward."""

from sandbox.payments.refunds import fail_due_refunds
from sandbox.payments.sessions import expire_due_sessions


def meet_deadlines() -> None:
    """Do all that should have happened by now."""
    expire_due_sessions()
    fail_due_refunds()
