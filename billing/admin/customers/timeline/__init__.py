"""Tell what happened to a customer, newest first."""

from __future__ import annotations

from billing.admin.customers.timeline.of_credits import CREDITS
from billing.admin.customers.timeline.of_holder import HOLDER
from billing.admin.customers.timeline.of_mails import MAILS
from billing.admin.customers.timeline.of_money import MONEY
from billing.admin.customers.timeline.of_plans import PLANS
from billing.admin.customers.timeline.source import Source

# Of the same moment, what comes later in this list is shown above the rest.
SOURCES: list[Source] = [*HOLDER, *PLANS, *MONEY, *CREDITS, *MAILS]
