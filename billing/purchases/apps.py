from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PurchasesConfig(AppConfig):
    name = "billing.purchases"
    verbose_name = _("Purchases")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts.privacy.registry import register
        from billing.purchases.personal_data import PurchasesData

        register(PurchasesData())
