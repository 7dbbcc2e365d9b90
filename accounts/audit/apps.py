from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AuditConfig(AppConfig):
    name = "accounts.audit"
    label = "audit"
    verbose_name = _("Audit log")

    def ready(self) -> None:
        from accounts.audit.personal_data import AuditData
        from accounts.privacy.registry import register

        register(AuditData())
