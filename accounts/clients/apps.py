from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ClientsConfig(AppConfig):
    name = "accounts.clients"
    label = "clients"
    verbose_name = _("API access")

    def ready(self) -> None:
        from accounts.clients.personal_data import ClientsData
        from accounts.privacy.registry import register

        register(ClientsData())
