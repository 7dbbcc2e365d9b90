"""Write the day before the month, and 24 hours, which nobody misreads; with seconds, as the order of events matters.

The names that Django doesn't have are for shorter forms, and for money (`billing.money`). Every language has them.
"""

DATE_FORMAT = "j M Y"
LONG_DATE_FORMAT = "j F Y"
TIME_FORMAT = "H:i:s"
DATETIME_FORMAT = "j M Y, H:i:s"
MINUTE_FORMAT = "j M Y, H:i"
ZONED_MINUTE_FORMAT = "j M Y, H:i T"
DAY_FORMAT = "j M"
DAY_MINUTE_FORMAT = "j M, H:i"
ZONED_DAY_MINUTE_FORMAT = "j M, H:i T"
YEAR_MONTH_FORMAT = "F Y"
MONEY_FORMAT = "{sign}{symbol}{amount}"
