"""Withhold `manage.py djstripe_sync_customers`."""

from billing.djstripe_commands.withheld import WithheldCommand


class Command(WithheldCommand):
    why = (
        "It would create a Stripe customer for every user, buyer or not. To copy existing Stripe "
        "customers, run manage.py djstripe_sync_models Customer"
    )
