from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RedemptionConfig(AppConfig):
    name = "credits.redemption"
    label = "redemption"
    verbose_name = _("Redemption codes")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts.privacy.registry import register
        from credits.redemption.personal_data import RedemptionData

        register(RedemptionData())
