import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='StripeAccount',
            fields=[
                ('id', models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('account_id', models.CharField(max_length=255, verbose_name='account')),
                ('livemode', models.BooleanField(verbose_name='live')),
                ('key_digest', models.CharField(editable=False, max_length=64)),
                ('learned_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='recorded')),
            ],
            options={
                'verbose_name': 'Stripe account',
                'verbose_name_plural': 'Stripe accounts',
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='stripeaccount_is_one_row')],
            },
        ),
    ]
