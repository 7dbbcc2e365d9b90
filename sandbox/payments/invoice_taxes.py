"""Tax the lines of invoices."""

from sandbox import store
from sandbox.payments.taxes import Rate, is_inclusive, take_tax
from sandbox.shapes import Json


def tax_line(line: Json, rate: Rate) -> None:
    """Set the tax on a line, in its amount or on top of it, as its price says. That of a credit is negative."""
    price = store.get_object("price", line["pricing"]["price_details"]["price"])
    inclusive = is_inclusive(price)
    amount = take_tax(line["amount"], rate.percent, inclusive=inclusive)
    line["taxes"] = [
        {
            "amount": amount,
            "tax_behavior": "inclusive" if inclusive else "exclusive",
            "tax_rate_details": None,
            "taxability_reason": rate.reason,
            "taxable_amount": line["amount"] - (amount if inclusive else 0),
            "type": "tax_rate_details",
        }
    ]
