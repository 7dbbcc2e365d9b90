import django.core.validators
import pgtrigger.compiler
import pgtrigger.migrations
from decimal import Decimal
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Rate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('provider', models.CharField(max_length=50, validators=[django.core.validators.RegexValidator('^[a-z0-9][a-z0-9._-]{0,49}$', 'Lower-case letters, digits, dots, - and _.')], verbose_name='provider')),
                ('model', models.CharField(help_text='The name services use to report usage.', max_length=100, validators=[django.core.validators.RegexValidator('^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$', 'Letters, digits, dots, colons, - and _.')], verbose_name='model or action')),
                ('unit', models.CharField(choices=[('input_tokens', 'input tokens'), ('output_tokens', 'output tokens'), ('images', 'images'), ('seconds', 'seconds'), ('requests', 'requests')], max_length=20, verbose_name='unit')),
                ('price', models.DecimalField(blank=True, decimal_places=12, help_text='For the number of units below, before markup.', max_digits=24, null=True, validators=[django.core.validators.MinValueValidator(Decimal('0'))], verbose_name='price in credits')),
                ('per', models.PositiveIntegerField(default=1, help_text='Such as 1000 for a price per thousand tokens, or 60 for one per minute.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000000000)], verbose_name='units per price')),
                ('effective_from', models.DateTimeField(verbose_name='effective from')),
            ],
            options={
                'verbose_name': 'rate',
                'verbose_name_plural': 'rates',
                'ordering': ['provider', 'model', 'unit', '-effective_from'],
            },
        ),
        migrations.CreateModel(
            name='Markup',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('provider', models.CharField(blank=True, default='', help_text='Leave blank for everything.', max_length=50, validators=[django.core.validators.RegexValidator('^[a-z0-9][a-z0-9._-]{0,49}$', 'Lower-case letters, digits, dots, - and _.')], verbose_name='provider')),
                ('model', models.CharField(blank=True, default='', help_text='Leave blank for all of the provider’s.', max_length=100, validators=[django.core.validators.RegexValidator('^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$', 'Letters, digits, dots, colons, - and _.')], verbose_name='model or action')),
                ('percent', models.DecimalField(blank=True, decimal_places=4, max_digits=8, null=True, validators=[django.core.validators.MinValueValidator(Decimal('0')), django.core.validators.MaxValueValidator(Decimal('1000'))], verbose_name='markup (%)')),
                ('effective_from', models.DateTimeField(verbose_name='effective from')),
            ],
            options={
                'verbose_name': 'markup',
                'verbose_name_plural': 'markups',
                'ordering': ['provider', 'model', '-effective_from'],
                'constraints': [models.UniqueConstraint(fields=('provider', 'model', 'effective_from'), name='rates_markup_one_per_moment', violation_error_message='There is already a markup from this moment.'), models.CheckConstraint(condition=models.Q(('percent__isnull', True), models.Q(('percent__gte', 0), ('percent__lte', 1000)), _connector='OR'), name='rates_markup_percent_within_bounds', violation_error_message='Enter a markup from 0 to 1,000 percent.'), models.CheckConstraint(condition=models.Q(('percent__isnull', False), models.Q(('provider', ''), _negated=True), _connector='OR'), name='rates_markup_for_everything_has_a_percentage', violation_error_message='Enter a percentage for the general markup, even if it is 0.'), models.CheckConstraint(condition=models.Q(('model', ''), models.Q(('provider', ''), _negated=True), _connector='OR'), name='rates_markup_model_has_a_provider', violation_error_message='Enter the model’s provider as well.')],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='markup',
            trigger=pgtrigger.compiler.Trigger(name='keeps_its_past', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nIF TG_OP <> 'INSERT' AND OLD.effective_from <= clock_timestamp() THEN\n    RAISE EXCEPTION 'rates_in_force_never_changes: % %', TG_TABLE_NAME, OLD.id USING ERRCODE = 'check_violation';\nEND IF;\nIF TG_OP = 'DELETE' THEN\n    RETURN OLD;\nEND IF;\nIF NEW.effective_from < now() THEN\n    RAISE EXCEPTION 'rates_take_effect_from_now_on: %', TG_TABLE_NAME USING ERRCODE = 'check_violation';\nEND IF;\nRETURN NEW;\n", hash='e930be991eb94b9610e8f48cce13016e944feca2', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_keeps_its_past_c2106', table='rates_markup', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='markup',
            trigger=pgtrigger.compiler.Trigger(name='is_never_emptied', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'Cannot truncate %', TG_TABLE_NAME USING ERRCODE = 'check_violation';", hash='5084bea08db00a34f0b9b81dd268083d630fd844', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_is_never_emptied_f1735', table='rates_markup', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='rate',
            constraint=models.UniqueConstraint(fields=('model', 'provider', 'unit', 'effective_from'), name='rates_rate_one_per_moment', violation_error_message='This unit already has a rate from this moment.'),
        ),
        migrations.AddConstraint(
            model_name='rate',
            constraint=models.CheckConstraint(condition=models.Q(('price__isnull', True), models.Q(('price__gte', 0), ('price__lt', Decimal('1000000000000'))), _connector='OR'), name='rates_rate_price_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='rate',
            constraint=models.CheckConstraint(condition=models.Q(('per__gte', 1), ('per__lte', 1000000000)), name='rates_rate_per_a_positive_number'),
        ),
        migrations.AddConstraint(
            model_name='rate',
            constraint=models.CheckConstraint(condition=models.Q(('unit__in', ['input_tokens', 'output_tokens', 'images', 'seconds', 'requests'])), name='rates_rate_unit_is_known'),
        ),
        migrations.AddConstraint(
            model_name='rate',
            constraint=models.CheckConstraint(condition=models.Q(('model__regex', '^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$'), ('provider__regex', '^[a-z0-9][a-z0-9._-]{0,49}$')), name='rates_rate_names_are_plain'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='rate',
            trigger=pgtrigger.compiler.Trigger(name='keeps_its_past', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nIF TG_OP <> 'INSERT' AND OLD.effective_from <= clock_timestamp() THEN\n    RAISE EXCEPTION 'rates_in_force_never_changes: % %', TG_TABLE_NAME, OLD.id USING ERRCODE = 'check_violation';\nEND IF;\nIF TG_OP = 'DELETE' THEN\n    RETURN OLD;\nEND IF;\nIF NEW.effective_from < now() THEN\n    RAISE EXCEPTION 'rates_take_effect_from_now_on: %', TG_TABLE_NAME USING ERRCODE = 'check_violation';\nEND IF;\nRETURN NEW;\n", hash='5d315060d0588dd59f193011b9cbe53ef4a36b4a', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_keeps_its_past_31cea', table='rates_rate', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='rate',
            trigger=pgtrigger.compiler.Trigger(name='is_never_emptied', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'Cannot truncate %', TG_TABLE_NAME USING ERRCODE = 'check_violation';", hash='b9aaab1634852ecdd9f0020be33bd06fc32af69a', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_is_never_emptied_40d97', table='rates_rate', when='BEFORE')),
        ),
    ]
