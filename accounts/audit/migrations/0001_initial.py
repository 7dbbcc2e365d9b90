from pathlib import Path

import accounts.audit.models
import django.db.models.functions.datetime
from django.db import migrations, models

HERE = Path(__file__).parent
FUNCTIONS = (HERE / "0001_functions.sql").read_text()
DROP_FUNCTIONS = """
DROP FUNCTION audit_link();
DROP FUNCTION audit_row();
DROP FUNCTION audit_write(text, text, text, jsonb, jsonb, jsonb);
DROP FUNCTION audit_picked(jsonb, text[], text[]);
DROP FUNCTION audit_is_by_hand();
DROP FUNCTION audit_role();
DROP FUNCTION audit_program();
DROP FUNCTION audit_context_id(text);
DROP FUNCTION audit_context(text);
"""
APPEND_ONLY = (HERE / "0001_append_only.sql").read_text()
DROP_APPEND_ONLY = """
DROP TRIGGER is_never_emptied ON audit_auditentry;
DROP TRIGGER is_append_only ON audit_auditentry;
DROP FUNCTION audit_refuse();
"""


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        # Before the table, whose defaults call them.
        migrations.RunSQL(FUNCTIONS, DROP_FUNCTIONS),
        migrations.CreateModel(
            name='AuditEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='when')),
                ('act', models.CharField(max_length=40, verbose_name='action')),
                ('kind', models.CharField(max_length=60, verbose_name='kind')),
                ('object_id', models.CharField(blank=True, db_default=models.Value(''), max_length=255, verbose_name='object')),
                ('object_name', models.CharField(blank=True, db_default=models.Value(''), max_length=255, verbose_name='name')),
                ('before', models.JSONField(decoder=accounts.audit.models.ExactNumbers, null=True, verbose_name='before')),
                ('after', models.JSONField(decoder=accounts.audit.models.ExactNumbers, null=True, verbose_name='after')),
                ('beside', models.JSONField(decoder=accounts.audit.models.ExactNumbers, default=dict, verbose_name='detail')),
                ('actor_id', models.UUIDField(db_default=accounts.audit.models.FromContext('user', function='audit_context_id'), null=True, verbose_name='actor')),
                ('cause', models.CharField(blank=True, db_default=accounts.audit.models.FromContext('cause'), max_length=60, verbose_name='cause')),
                ('request_id', models.CharField(blank=True, db_default=accounts.audit.models.FromContext('request_id'), max_length=64, verbose_name='request')),
                ('address', models.CharField(blank=True, db_default=accounts.audit.models.FromContext('address'), max_length=64, verbose_name='IP address')),
                ('page', models.CharField(blank=True, db_default=accounts.audit.models.FromContext('url'), max_length=300, verbose_name='page')),
                ('program', models.CharField(blank=True, db_default=accounts.audit.models.FromConnection('audit_program'), max_length=64, verbose_name='program')),
                ('database_role', models.CharField(blank=True, db_default=accounts.audit.models.FromConnection('audit_role'), max_length=64, verbose_name='database role')),
            ],
            options={
                'verbose_name': 'audit entry',
                'verbose_name_plural': 'audit entries',
                'ordering': ['-at', '-id'],
                'default_permissions': ('view',),
                'indexes': [models.Index(fields=['-at', '-id'], name='audit_entry_newest'), models.Index(fields=['actor_id', '-at', '-id'], name='audit_entry_by_actor'), models.Index(fields=['kind', '-at', '-id'], name='audit_entry_by_kind'), models.Index(fields=['object_id', 'kind', '-at', '-id'], name='audit_entry_by_object'), models.Index(condition=models.Q(('object_name', ''), _negated=True), fields=['object_name', '-at', '-id'], name='audit_entry_by_name'), models.Index(fields=['act', '-at', '-id'], name='audit_entry_by_act'), models.Index(condition=models.Q(('request_id', ''), _negated=True), fields=['request_id', '-at', '-id'], name='audit_entry_by_request'), models.Index(condition=models.Q(('address', ''), _negated=True), fields=['address', '-at', '-id'], name='audit_entry_by_address')],
            },
        ),
        migrations.RunSQL(APPEND_ONLY, DROP_APPEND_ONLY),
    ]
