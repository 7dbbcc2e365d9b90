"""Use production's settings on one machine: the sandbox replaces Stripe, and static files need no collecting."""

from __future__ import annotations

import os

from config.settings.production import *
from config.settings.production import CONTENT_SECURITY_POLICY, STRIPE_API_BASE, STRIPE_CHECKOUT_ORIGIN

DEMO = True
SILENCED_SYSTEM_CHECKS = ["djstripe.W002"]  # the sandbox is another Stripe host
STRIPE_API_HOST = STRIPE_API_BASE  # dj-stripe's name for it
CONTENT_SECURITY_POLICY["DIRECTIVES"]["form-action"] = ["'self'", STRIPE_CHECKOUT_ORIGIN, STRIPE_API_BASE]
STATIC_ROOT = None
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = os.environ["CLUSTER_MAIL"]
