from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class GiftCodesConfig(AppConfig):
    name = "billing.gift_codes"
    verbose_name = _("Gift codes")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts.privacy.registry import register
        from billing.gift_codes.personal_data import GiftCodesData

        register(GiftCodesData())
