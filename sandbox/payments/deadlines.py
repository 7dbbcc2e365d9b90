"""Apply what time alone changes, at every tick and whenever the clock is moved forward."""

from sandbox.payments.refunds import fail_due_refunds
from sandbox.payments.sessions import expire_due_sessions


def meet_deadlines() -> None:
    expire_due_sessions()
    fail_due_refunds()
