from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AutoTopUpConfig(AppConfig):
    name = "billing.auto_top_up"
    verbose_name = _("Automatic top-up")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts.privacy.registry import register
        from billing.auto_top_up.personal_data import AutoTopUpData

        register(AutoTopUpData())
