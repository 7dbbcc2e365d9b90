from django.apps import AppConfig


class OpenIDConfig(AppConfig):
    """The stand-in for Keycloak: people, clients, tokens."""

    name = "sandbox.openid"
    label = "openid"
    default_auto_field = "django.db.models.BigAutoField"
