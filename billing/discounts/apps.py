from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DiscountsConfig(AppConfig):
    name = "billing.discounts"
    verbose_name = _("Discounts")
    default_auto_field = "django.db.models.BigAutoField"
