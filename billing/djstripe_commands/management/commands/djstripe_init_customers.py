"""Withhold `manage.py djstripe_init_customers`."""

from billing.djstripe_commands.withheld import WithheldCommand


class Command(WithheldCommand):
    why = "It would create a Stripe customer for every user, buyer or not. Stripe creates one when somebody pays."
