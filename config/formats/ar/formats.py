"""Write dates and money as Arabic does, with the digits 0 to 9.

These are understood everywhere that Arabic is read, and are what a form, a card and a receipt's number take. Their
separators are then a comma and a point, where Django has it the other way round.
"""

from config.formats.en.formats import *

DATETIME_FORMAT = "j M Y، H:i:s"
MINUTE_FORMAT = "j M Y، H:i"
ZONED_MINUTE_FORMAT = "j M Y، H:i T"
DAY_MINUTE_FORMAT = "j M، H:i"
ZONED_DAY_MINUTE_FORMAT = "j M، H:i T"
DECIMAL_SEPARATOR = "."
THOUSAND_SEPARATOR = ","
NUMBER_GROUPING = 3
MONEY_FORMAT = "{sign}{amount}\N{NO-BREAK SPACE}{symbol}"
