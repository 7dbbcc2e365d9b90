"""Find the customers running low."""

from __future__ import annotations

import datetime

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from credits.reporting.daily_figures import BURN_DAYS, burn_start
from credits.reporting.models import RunningDry

WITHIN_DAYS = 7
# Accounts that never spent paid credits aren't buyers, and those with nothing left are past running low.
FIND = """
INSERT INTO credits_runningdry (account_id, balance, burn, days)
SELECT a.id, a.balance, round(s.spent / %(days)s, 6), round(a.balance * %(days)s / s.spent, 2)
FROM (
    SELECT account_id, sum(spent) AS spent FROM credits_spendingday
    WHERE day >= %(first)s AND day < %(after)s GROUP BY account_id
) AS s
JOIN credits_account a ON a.id = s.account_id
WHERE a.balance > 0 AND a.balance * %(days)s < s.spent * %(within)s
      AND EXISTS (SELECT FROM credits_firstspend f WHERE f.account_id = a.id)
"""


def find_running_dry() -> None:
    """Find balances that last less than `WITHIN_DAYS` at the rate of the seven whole days before today, in the site's
    TIME_ZONE. Replaces the previous result.
    """
    first = burn_start(timezone.now())
    parameters: dict[str, int | datetime.date] = {
        "days": BURN_DAYS,
        "first": first,
        "after": first + datetime.timedelta(days=BURN_DAYS),
        "within": WITHIN_DAYS,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE credits_runningdry IN EXCLUSIVE MODE")
        cursor.execute("DELETE FROM credits_runningdry")
        cursor.execute(FIND, parameters)


def running_dry() -> QuerySet[RunningDry]:
    """Return those found last, the soonest to run out first."""
    return RunningDry.objects.select_related("account__owner", "account__team").order_by("days", "account_id")
