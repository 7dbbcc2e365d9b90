import billing.packages.models
import django.core.validators
import django.db.models.expressions
import django.db.models.lookups
from django.db import migrations, models

from accounts.audit.operations import watch

CUSTOM_AMOUNT = [
    "currency", "minimum_minor", "maximum_minor", "increment_minor", "credits_per_unit", "validity_days", "is_active",
]

class Migration(migrations.Migration):

    dependencies = [
        ('packages', '0002_audit'),
    ]

    operations = [
        migrations.CreateModel(
            name='CustomAmount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('currency', models.CharField(max_length=3, unique=True, validators=[billing.packages.models.validate_currency], verbose_name='currency')),
                ('minimum_minor', models.BigIntegerField(validators=[django.core.validators.MinValueValidator(1)], verbose_name='minimum in minor units')),
                ('maximum_minor', models.BigIntegerField(validators=[django.core.validators.MinValueValidator(1)], verbose_name='maximum in minor units')),
                ('increment_minor', models.BigIntegerField(validators=[django.core.validators.MinValueValidator(1)], verbose_name='increment in minor units')),
                ('credits_per_unit', models.DecimalField(decimal_places=6, help_text='Credits for $1 or ¥1, for amounts below every package’s price.', max_digits=18, verbose_name='credits per unit')),
                ('validity_days', models.PositiveIntegerField(blank=True, help_text='Leave blank for credits that don’t expire.', null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(36500)], verbose_name='validity in days')),
                ('is_active', models.BooleanField(default=True, verbose_name='on sale')),
            ],
            options={
                'verbose_name': 'custom amount',
                'verbose_name_plural': 'custom amounts',
                'ordering': ['currency'],
            },
        ),
        migrations.AlterField(
            model_name='package',
            name='code',
            field=models.SlugField(help_text='Permanent: API clients order by this code.', unique=True, validators=[billing.packages.models.validate_code], verbose_name='code'),
        ),
        migrations.AddConstraint(
            model_name='package',
            constraint=models.CheckConstraint(condition=models.Q(('is_active', False), models.Q(('code', 'custom'), _negated=True), _connector='OR'), name='package_code_is_not_custom'),
        ),
        migrations.AddConstraint(
            model_name='customamount',
            constraint=models.CheckConstraint(condition=models.Q(('currency__regex', '^[a-z]{3}$')), name='customamount_currency_is_a_code'),
        ),
        migrations.AddConstraint(
            model_name='customamount',
            constraint=models.CheckConstraint(condition=models.Q(('maximum_minor__gte', models.F('minimum_minor')), ('minimum_minor__gt', 0)), name='customamount_minimum_is_not_above_maximum'),
        ),
        migrations.AddConstraint(
            model_name='customamount',
            constraint=models.CheckConstraint(condition=models.Q(('increment_minor__gt', 0)), name='customamount_increment_positive'),
        ),
        migrations.AddConstraint(
            model_name='customamount',
            constraint=models.CheckConstraint(condition=models.Q(django.db.models.lookups.Exact(django.db.models.expressions.CombinedExpression(models.F('minimum_minor'), '%%', models.F('increment_minor')), 0), django.db.models.lookups.Exact(django.db.models.expressions.CombinedExpression(models.F('maximum_minor'), '%%', models.F('increment_minor')), 0)), name='customamount_limits_are_on_the_increment'),
        ),
        migrations.AddConstraint(
            model_name='customamount',
            constraint=models.CheckConstraint(condition=models.Q(('is_active', False), models.Q(models.Q(models.Q(('currency__in', ['bhd', 'jod', 'kwd', 'omr', 'tnd']), _negated=True), django.db.models.lookups.Exact(django.db.models.expressions.CombinedExpression(models.F('increment_minor'), '%%', models.Value(10)), 0), _connector='OR'), models.Q(models.Q(('currency__in', ['isk', 'ugx']), _negated=True), django.db.models.lookups.Exact(django.db.models.expressions.CombinedExpression(models.F('increment_minor'), '%%', models.Value(100)), 0), _connector='OR')), _connector='OR'), name='customamount_on_sale_can_be_paid'),
        ),
        migrations.AddConstraint(
            model_name='customamount',
            constraint=models.CheckConstraint(condition=django.db.models.lookups.GreaterThanOrEqual(models.ExpressionWrapper(django.db.models.expressions.CombinedExpression(models.F('credits_per_unit'), '*', models.F('minimum_minor')), models.DecimalField()), models.Case(models.When(currency__in=['bif', 'clp', 'djf', 'gnf', 'jpy', 'kmf', 'krw', 'mga', 'pyg', 'rwf', 'vnd', 'vuv', 'xaf', 'xof', 'xpf'], then=models.Value(1)), models.When(currency__in=['bhd', 'jod', 'kwd', 'omr', 'tnd'], then=models.Value(1000)), default=models.Value(100))), name='customamount_minimum_buys_a_credit'),
        ),
        migrations.AddConstraint(
            model_name='customamount',
            constraint=models.CheckConstraint(condition=models.Q(('validity_days__isnull', True), models.Q(('validity_days__gte', 1), ('validity_days__lte', 36500)), _connector='OR'), name='customamount_validity_is_bounded'),
        ),
        watch(
            "packages_customamount", "packages.customamount", CUSTOM_AMOUNT, named_by="currency", beside=["currency"]
        ),
    ]
