from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class InboxConfig(AppConfig):
    name = "billing.inbox"
    verbose_name = _("Webhook inbox")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts.privacy.registry import register
        from billing.inbox import readings
        from billing.inbox.personal_data import InboxData

        register(InboxData())
        readings.register()
