"""Create the WSGI application that granian serves."""

import os

from django.core.wsgi import get_wsgi_application

from core import program

program.runs_as(program.WEB)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.dev")

django_application = get_wsgi_application()

# Not earlier: the applications must be loaded.
from billing.stripe.identity import refuse_other_account  # noqa: E402
from billing.stripe.webhook_addresses import log_list_problem  # noqa: E402
from config.request_bodies import BoundedBodies  # noqa: E402

application = BoundedBodies(django_application)

refuse_other_account()
log_list_problem()
