from django.apps import AppConfig, apps
from django.core.exceptions import ImproperlyConfigured
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class BillingConfig(AppConfig):
    name = "billing"
    verbose_name = _("Billing")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Refuse to start with settings that would lose payments or accept forged ones.

        Not a system check: web servers don't run those.
        """
        from accounts.privacy.registry import register
        from billing.admin.roles import bring_groups_up_to_date
        from billing.privacy.other_data import OtherData
        from billing.reconciliation.invariants import OF_PAYMENTS
        from billing.setup import endpoint_watch, system_checks  # noqa: F401  # the checks register themselves
        from billing.setup.settings_checks import find_configuration_errors
        from credits.proof.checking import register as register_invariants

        errors = list(find_configuration_errors())
        if errors:
            raise ImproperlyConfigured("\n".join(errors))
        ours = [app.label for app in apps.get_app_configs() if app.name.startswith("billing.")]
        register_invariants(ours, OF_PAYMENTS)
        register(OtherData())
        endpoint_watch.register()
        # Our last app with models: by then migrate has created all permissions.
        post_migrate.connect(bring_groups_up_to_date, sender=apps.get_app_config("reconciliation"))
