from django.apps import AppConfig


class SandboxConfig(AppConfig):
    """The one app that holds the stand-in for Stripe."""

    name = "sandbox"
    default_auto_field = "django.db.models.BigAutoField"
