from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ReceiptsConfig(AppConfig):
    name = "billing.receipts"
    verbose_name = _("Receipts")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts.privacy.registry import register
        from billing.receipts.personal_data import ReceiptsData

        register(ReceiptsData())
