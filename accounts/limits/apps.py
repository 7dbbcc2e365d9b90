from django.apps import AppConfig


class LimitsConfig(AppConfig):
    name = "accounts.limits"
    label = "limits"
