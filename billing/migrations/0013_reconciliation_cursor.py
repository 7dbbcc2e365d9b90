from django.db import migrations, models


class Migration(migrations.Migration):
    """Runs get a place to go on from. Those that are there have none: they keep what they found, and stay as they are."""

    dependencies = [
        ('billing', '0012_purchases_by_completion'),
    ]

    operations = [
        migrations.CreateModel(
            name='SeenPurchase',
            fields=[
                ('pk', models.CompositePrimaryKey('run_id', 'purchase_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('run_id', models.BigIntegerField()),
                ('purchase_id', models.UUIDField()),
            ],
            options={
                'verbose_name': 'purchase seen at Stripe',
                'verbose_name_plural': 'purchases seen at Stripe',
            },
        ),
        migrations.AddField(
            model_name='reconciliationrun',
            name='cursor',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=255),
        ),
        migrations.AddField(
            model_name='reconciliationrun',
            name='lease_until',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='reconciliationrun',
            name='stage',
            field=models.CharField(blank=True, choices=[('sessions', 'Stripe’s checkouts'), ('purchases', 'purchases'), ('refunds', 'Stripe’s refunds'), ('disputes', 'Stripe’s disputes')], db_default='', default='sessions', max_length=10, verbose_name='comparing'),
        ),
        migrations.AddField(
            model_name='reconciliationrun',
            name='worked_by',
            field=models.UUIDField(editable=False, null=True),
        ),
        migrations.AlterField(
            model_name='reconciliationrun',
            name='status',
            field=models.CharField(choices=[('running', 'Running'), ('done', 'Done'), ('failed', 'Stopped')], default='running', max_length=10, verbose_name='status'),
        ),
        migrations.RunSQL(
            "UPDATE billing_reconciliationrun SET status = 'failed', failure = 'Its process ended.', ended_at = now()"
            " WHERE status = 'running'",
            migrations.RunSQL.noop,
        ),
        migrations.AddConstraint(
            model_name='reconciliationrun',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'done'), _negated=True), ('stage', ''), _connector='OR'), name='billing_run_done_has_nothing_to_go_on_with'),
        ),
        migrations.AddConstraint(
            model_name='reconciliationrun',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('lease_until__isnull', True), ('worked_by__isnull', True)), models.Q(('lease_until__isnull', False), ('status', 'running'), ('worked_by__isnull', False)), _connector='OR'), name='billing_run_is_worked_on_until_a_time'),
        ),
    ]
