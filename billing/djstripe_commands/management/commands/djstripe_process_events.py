"""`manage.py djstripe_process_events`: withheld."""

from billing.djstripe_commands.withheld import WithheldCommand


class Command(WithheldCommand):
    why = (
        "dj-stripe's own handlers delete rows here and customers at Stripe. To apply a stored event again, use the"
        " webhook inbox in the admin; to find what was never received: manage.py reconcile"
    )
