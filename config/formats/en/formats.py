"""Days before months and 24 hours: read the same way everywhere. Seconds, for the order of what happened counts."""

DATE_FORMAT = "j M Y"
TIME_FORMAT = "H:i:s"
DATETIME_FORMAT = "j M Y, H:i:s"
