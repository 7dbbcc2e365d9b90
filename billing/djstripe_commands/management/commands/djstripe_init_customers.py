"""`manage.py djstripe_init_customers`: withheld."""

from billing.djstripe_commands.withheld import WithheldCommand


class Command(WithheldCommand):
    why = "It would make a customer at Stripe for every user, buyer or not. Stripe makes one when somebody pays."
