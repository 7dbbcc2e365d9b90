from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("Access")

    def ready(self) -> None:
        from django.contrib.auth.signals import user_logged_in
        from django.db.backends.signals import connection_created

        from accounts import checks  # noqa: F401  # both register themselves
        from accounts.languages import keep_from_sign_in
        from accounts.privacy.registry import register
        from accounts.privacy.user_data import UserData
        from accounts.sign_in import openapi  # noqa: F401  # both register themselves
        from core.database.pooler import prepare_only_if_kept
        from core.database.time_limits import limit_transactions

        register(UserData())
        user_logged_in.connect(keep_from_sign_in)
        connection_created.connect(limit_transactions)
        connection_created.connect(prepare_only_if_kept)
