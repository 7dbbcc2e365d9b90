import billing.packages.models
import django.core.validators
import django.db.models.expressions
import django.db.models.lookups
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Package',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.SlugField(help_text='Permanent: API clients order by this code.', unique=True, verbose_name='code')),
                ('name', models.CharField(max_length=100, verbose_name='name')),
                ('description', models.CharField(blank=True, max_length=500, verbose_name='description')),
                ('credits', models.DecimalField(decimal_places=2, max_digits=18, verbose_name='credits')),
                ('price_minor', models.BigIntegerField(help_text='In the currency’s smallest unit: 4500 means $45.00 or ¥4500.', validators=[django.core.validators.MinValueValidator(0)], verbose_name='price in minor units')),
                ('currency', models.CharField(default='usd', max_length=3, validators=[billing.packages.models.validate_currency], verbose_name='currency')),
                ('badge', models.CharField(blank=True, choices=[('', 'none'), ('popular', 'Popular'), ('best_value', 'Best value')], default='', max_length=20, verbose_name='badge')),
                ('display_order', models.PositiveIntegerField(default=0, verbose_name='display order')),
                ('is_active', models.BooleanField(default=True, verbose_name='on sale')),
                ('validity_days', models.PositiveIntegerField(blank=True, help_text='Leave blank for credits that don’t expire.', null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(36500)], verbose_name='validity in days')),
                ('repeatable', models.BooleanField(db_default=False, default=False, help_text='For free packages only; if off, each customer and team can claim it once.', verbose_name='repeatable')),
                ('stripe_product_id', models.CharField(blank=True, editable=False, max_length=255, verbose_name='Stripe product')),
                ('stripe_price_id', models.CharField(blank=True, editable=False, max_length=255, verbose_name='Stripe price')),
                ('awaits_adoption', models.BooleanField(db_default=False, default=False, editable=False)),
                ('stripe_price_minor', models.BigIntegerField(editable=False, null=True)),
                ('stripe_currency', models.CharField(blank=True, editable=False, max_length=3)),
            ],
            options={
                'verbose_name': 'package',
                'verbose_name_plural': 'packages',
                'ordering': ['display_order', 'price_minor', 'code'],
                'constraints': [models.CheckConstraint(condition=models.Q(('credits__gt', 0)), name='package_credits_positive'), models.CheckConstraint(condition=models.Q(('price_minor__gte', 0)), name='package_price_not_negative'), models.CheckConstraint(condition=models.Q(('currency__regex', '^[a-z]{3}$')), name='package_currency_is_a_code'), models.CheckConstraint(condition=models.Q(('is_active', False), models.Q(models.Q(models.Q(('currency__in', ['bhd', 'jod', 'kwd', 'omr', 'tnd']), _negated=True), django.db.models.lookups.Exact(django.db.models.expressions.CombinedExpression(models.F('price_minor'), '%%', models.Value(10)), 0), _connector='OR'), models.Q(models.Q(('currency__in', ['isk', 'ugx']), _negated=True), django.db.models.lookups.Exact(django.db.models.expressions.CombinedExpression(models.F('price_minor'), '%%', models.Value(100)), 0), _connector='OR')), _connector='OR'), name='package_price_on_sale_can_be_paid'), models.CheckConstraint(condition=models.Q(('validity_days__isnull', True), models.Q(('validity_days__gte', 1), ('validity_days__lte', 36500)), _connector='OR'), name='package_validity_is_bounded'), models.UniqueConstraint(condition=models.Q(('stripe_product_id', ''), _negated=True), fields=('stripe_product_id',), name='package_one_per_stripe_product')],
            },
        ),
    ]
