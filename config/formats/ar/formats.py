"""Write dates and money as Arabic does, with the digits 0 to 9.

These are understood everywhere that Arabic is read, and are what a form, a card and a receipt's number take. Their
separators are then a comma and a point, where Django has it the other way round.
"""

from config.formats.en.formats import *

DECIMAL_SEPARATOR = "."
THOUSAND_SEPARATOR = ","
NUMBER_GROUPING = 3
MONEY_FORMAT = "{sign}{amount}\N{NO-BREAK SPACE}{symbol}"
