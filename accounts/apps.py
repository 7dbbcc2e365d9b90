from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("People")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.db.backends.signals import connection_created

        from accounts import checks, openapi  # noqa: F401  # both register themselves
        from config.time_limits import limit_transactions

        connection_created.connect(limit_transactions)
