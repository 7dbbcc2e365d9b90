import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='VisitDay',
            fields=[
                ('day', models.DateField(primary_key=True, serialize=False, verbose_name='day')),
                ('visits', models.BigIntegerField(verbose_name='visits')),
            ],
            options={
                'verbose_name': 'day of visits',
                'verbose_name_plural': 'days of visits',
            },
        ),
        migrations.CreateModel(
            name='CheckoutDay',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField(verbose_name='day')),
                ('package_code', models.CharField(max_length=50, verbose_name='package code')),
                ('currency', models.CharField(max_length=3, verbose_name='currency')),
                ('status', models.CharField(choices=[('pending', 'Pending'), ('processing', 'Processing'), ('completed', 'Completed'), ('failed', 'Failed'), ('expired', 'Expired'), ('partially_refunded', 'Partially refunded'), ('refunded', 'Refunded'), ('disputed', 'Disputed')], max_length=20, verbose_name='status')),
                ('purchases', models.BigIntegerField(verbose_name='purchases')),
            ],
            options={
                'verbose_name': 'day of checkouts',
                'verbose_name_plural': 'days of checkouts',
                'constraints': [models.UniqueConstraint(fields=('day', 'package_code', 'currency', 'status'), name='checkoutday_counted_once')],
            },
        ),
        migrations.CreateModel(
            name='ReturnsDay',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField(verbose_name='day')),
                ('package_code', models.CharField(blank=True, default='', max_length=50, verbose_name='package code')),
                ('currency', models.CharField(max_length=3, verbose_name='currency')),
                ('refunds', models.BigIntegerField(default=0, verbose_name='refunds')),
                ('refunded_minor', models.BigIntegerField(default=0, verbose_name='refunded in minor units')),
                ('disputes', models.BigIntegerField(default=0, verbose_name='disputes')),
                ('disputed_minor', models.BigIntegerField(default=0, verbose_name='disputed in minor units')),
            ],
            options={
                'verbose_name': 'day of returns',
                'verbose_name_plural': 'days of returns',
                'constraints': [models.UniqueConstraint(fields=('day', 'package_code', 'currency'), name='returnsday_counted_once')],
            },
        ),
        migrations.CreateModel(
            name='SalesCount',
            fields=[
                ('id', models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('counted_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='counted at')),
                ('zone', models.CharField(max_length=64, verbose_name='time zone of the days')),
            ],
            options={
                'verbose_name': 'count of sales',
                'verbose_name_plural': 'counts of sales',
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='salescount_is_one_row')],
            },
        ),
        migrations.CreateModel(
            name='SalesDay',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField(verbose_name='day')),
                ('package_code', models.CharField(max_length=50, verbose_name='package code')),
                ('currency', models.CharField(max_length=3, verbose_name='currency')),
                ('purchases', models.BigIntegerField(verbose_name='purchases')),
                ('paid_minor', models.BigIntegerField(verbose_name='paid in minor units')),
                ('first_purchases', models.BigIntegerField(verbose_name='first purchases')),
                ('second_purchases', models.BigIntegerField(verbose_name='second purchases')),
            ],
            options={
                'verbose_name': 'day of sales',
                'verbose_name_plural': 'days of sales',
                'constraints': [models.UniqueConstraint(fields=('day', 'package_code', 'currency'), name='salesday_counted_once')],
            },
        ),
    ]
