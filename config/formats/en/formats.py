"""Write the day before the month, and 24 hours, which nobody misreads; with seconds, as the order of events matters."""

DATE_FORMAT = "j M Y"
TIME_FORMAT = "H:i:s"
DATETIME_FORMAT = "j M Y, H:i:s"
