from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RefundsConfig(AppConfig):
    name = "billing.refunds"
    verbose_name = _("Refunds and disputes")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts.privacy.registry import register
        from billing.refunds.personal_data import RefundsData

        register(RefundsData())
