"""Write dates and money as Spanish does; separators are Django's."""

from config.formats.en.formats import *

LONG_DATE_FORMAT = r"j \d\e F \d\e Y"
YEAR_MONTH_FORMAT = r"F \d\e Y"
MONEY_FORMAT = "{sign}{amount}\N{NO-BREAK SPACE}{symbol}"
