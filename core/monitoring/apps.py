from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    name = "core.monitoring"
    label = "monitoring"
    verbose_name = "Monitoring"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from core.monitoring import database, shared_cache

        database.register()
        shared_cache.register()
