from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RecoveryConfig(AppConfig):
    name = "billing.recovery"
    verbose_name = _("Checkout reminders")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts.privacy.registry import register
        from billing.recovery.personal_data import RemindersData

        register(RemindersData())
