"""Withhold `manage.py djstripe_process_events`."""

from billing.djstripe_commands.withheld import WithheldCommand


class Command(WithheldCommand):
    why = (
        "dj-stripe's own handlers delete rows here and customers in Stripe. To reprocess a stored event, "
        "use the webhook inbox in the admin; to find what was never received, run manage.py reconcile"
    )
