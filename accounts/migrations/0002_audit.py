from django.db import migrations

from accounts.audit.operations import watch, watch_links

RIGHTS = ["is_staff", "is_superuser", "is_active", "provider_roles"]
# That they change matters, as each is a way into an account; their values are the person's own business.
HIDDEN = ["password", "username", "email", "first_name", "last_name", "oidc_sub"]


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("audit", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        watch("accounts_user", "accounts.user", RIGHTS, hidden=HIDDEN, inserts="NEW.is_staff OR NEW.is_superuser"),
        watch_links(
            "accounts_user_groups", "accounts.user", "user_id", has="groups", other=("group_id", "auth_group", "name")
        ),
        watch_links(
            "accounts_user_user_permissions",
            "accounts.user",
            "user_id",
            has="user_permissions",
            other=("permission_id", "auth_permission", "codename"),
        ),
        watch("auth_group", "auth.group", ["name"], named_by="name"),
        watch_links(
            "auth_group_permissions",
            "auth.group",
            "group_id",
            has="permissions",
            other=("permission_id", "auth_permission", "codename"),
            named_by=("auth_group", "name"),
        ),
    ]
