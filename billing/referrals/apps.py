from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ReferralsConfig(AppConfig):
    name = "billing.referrals"
    verbose_name = _("Referrals")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.contrib.auth.signals import user_logged_in

        from accounts.privacy.registry import register
        from billing.referrals.binding import bind_at_sign_in
        from billing.referrals.personal_data import ReferralsData

        register(ReferralsData())
        user_logged_in.connect(bind_at_sign_in)
