"""Withhold `manage.py stripe_listen`."""

from billing.djstripe_commands.withheld import WithheldCommand


class Command(WithheldCommand):
    why = (
        "It would store a webhook secret in the database. Run Stripe's CLI itself, `stripe listen --forward-to`, with"
        " the webhook's address, and put the secret it prints into STRIPE_WEBHOOK_SECRET."
    )
