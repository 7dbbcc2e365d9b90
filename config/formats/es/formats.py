"""Write dates and money as Spanish does; separators are Django's."""

from config.formats.en.formats import *

DATE_FORMAT = "j b Y"
DATETIME_FORMAT = "j b Y, H:i:s"
MINUTE_FORMAT = "j b Y, H:i"
ZONED_MINUTE_FORMAT = "j b Y, H:i T"
DAY_FORMAT = "j b"
DAY_MINUTE_FORMAT = "j b, H:i"
ZONED_DAY_MINUTE_FORMAT = "j b, H:i T"
LONG_DATE_FORMAT = r"j \d\e F \d\e Y"
YEAR_MONTH_FORMAT = r"F \d\e Y"
MONEY_FORMAT = "{sign}{amount}\N{NO-BREAK SPACE}{symbol}"
