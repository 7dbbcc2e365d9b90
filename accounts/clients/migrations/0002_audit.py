from django.db import migrations

from accounts.audit.operations import watch

CLIENT = ["name", "oidc_client_id", "scopes", "requests_per_minute", "is_active", "created_by_id"]
KEY = ["client_id", "name", "prefix", "scopes", "created_at", "expires_at", "revoked_at"]


class Migration(migrations.Migration):
    dependencies = [
        ("clients", "0001_initial"),
        ("audit", "0001_initial"),
    ]

    operations = [
        watch("clients_apiclient", "clients.apiclient", CLIENT, named_by="name"),
        watch("clients_apikey", "clients.apikey", KEY, named_by="name", hidden=["secret_hash"], beside=["client_id"]),
    ]
