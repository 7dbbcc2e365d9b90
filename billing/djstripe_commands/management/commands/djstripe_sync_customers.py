"""`manage.py djstripe_sync_customers`: withheld."""

from billing.djstripe_commands.withheld import WithheldCommand


class Command(WithheldCommand):
    why = (
        "It would make a customer at Stripe for every user, buyer or not. To copy the customers that Stripe has:"
        " manage.py djstripe_sync_models Customer"
    )
