from django.db import migrations

LONGEST = "CASE p_name WHEN 'url' THEN 300 WHEN 'cause' THEN 60 ELSE 64 END"
# Processes of the previous version set the second one.
READ = f"""
CREATE OR REPLACE FUNCTION audit_context(p_name text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT left(coalesce(coalesce(
        nullif(current_setting('audit.context', true), ''),
        nullif(current_setting('pghistory.context_metadata', true), '')
    )::jsonb ->> p_name, ''), {LONGEST})
$$;
"""
READ_PGHISTORYS = f"""
CREATE OR REPLACE FUNCTION audit_context(p_name text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT left(coalesce(nullif(current_setting('pghistory.context_metadata', true), '')::jsonb ->> p_name, ''),
                {LONGEST})
$$;
"""


class Migration(migrations.Migration):
    """Reads the context that `accounts.audit.context` sends. Entries and pghistory's own tables stay as they are."""

    dependencies = [("audit", "0001_initial")]

    operations = [migrations.RunSQL(READ, READ_PGHISTORYS)]
