"""Write dates and money as French does; separators are Django's."""

from config.formats.en.formats import *

DATE_FORMAT = "j N Y"
DATETIME_FORMAT = "j N Y, H:i:s"
MINUTE_FORMAT = "j N Y, H:i"
ZONED_MINUTE_FORMAT = "j N Y, H:i T"
DAY_FORMAT = "j N"
DAY_MINUTE_FORMAT = "j N, H:i"
ZONED_DAY_MINUTE_FORMAT = "j N, H:i T"
MONEY_FORMAT = "{sign}{amount}\N{NO-BREAK SPACE}{symbol}"
