import billing.models.packages
import django.db.models.expressions
import django.db.models.lookups
from django.db import migrations, models

# Stripe refuses to open a checkout for these, so nobody loses an offer that they could have had.
RETIRE = """
UPDATE billing_package SET is_active = false WHERE is_active AND (
    currency IN ('bhd', 'jod', 'kwd', 'omr', 'tnd') AND price_minor % 10 <> 0
    OR currency IN ('isk', 'ugx') AND price_minor % 100 <> 0);
"""


class Migration(migrations.Migration):
    """Takes off sale what Stripe would not take, and keeps it so."""

    dependencies = [
        ('billing', '0023_refunds_of_staff'),
    ]

    operations = [
        migrations.RunSQL(RETIRE, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name='package',
            name='currency',
            field=models.CharField(default='usd', max_length=3, validators=[billing.models.packages.validate_currency], verbose_name='currency'),
        ),
        migrations.AddConstraint(
            model_name='package',
            constraint=models.CheckConstraint(condition=models.Q(('is_active', False), models.Q(models.Q(models.Q(('currency__in', ['bhd', 'jod', 'kwd', 'omr', 'tnd']), _negated=True), django.db.models.lookups.Exact(django.db.models.expressions.CombinedExpression(models.F('price_minor'), '%%', models.Value(10)), 0), _connector='OR'), models.Q(models.Q(('currency__in', ['isk', 'ugx']), _negated=True), django.db.models.lookups.Exact(django.db.models.expressions.CombinedExpression(models.F('price_minor'), '%%', models.Value(100)), 0), _connector='OR')), _connector='OR'), name='billing_package_price_on_sale_can_be_paid'),
        ),
    ]
