"""Route dj-stripe's webhook address, for installations whose endpoint at Stripe still uses it.

It keeps dj-stripe's names but not its view, which stores any request before it checks the signature, and runs
handlers of its own (docs/decisions/webhook-inbox.md).
"""

from __future__ import annotations

from django.urls import path

from billing.api.webhook import DjstripeWebhookView

app_name = "djstripe"

urlpatterns = [
    path("webhook/<uuid:uuid>/", DjstripeWebhookView.as_view(), name="djstripe_webhook_by_uuid"),
    path("webhook/<uuid:uuid>", DjstripeWebhookView.as_view()),
]
