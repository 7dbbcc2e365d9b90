import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('purchases', '0001_initial'),
        ('refunds', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='ReceiptSeries',
            fields=[
                ('name', models.CharField(max_length=40, primary_key=True, serialize=False, verbose_name='name')),
                ('last', models.PositiveIntegerField(verbose_name='last number')),
            ],
            options={
                'verbose_name': 'receipt series',
                'verbose_name_plural': 'receipt series',
            },
        ),
        migrations.CreateModel(
            name='Receipt',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('receipt', 'Receipt'), ('credit_note', 'Credit note')], max_length=20, verbose_name='kind')),
                ('number', models.CharField(max_length=60, unique=True, verbose_name='number')),
                ('series', models.CharField(max_length=40, verbose_name='series')),
                ('serial', models.PositiveIntegerField(verbose_name='number in series')),
                ('day', models.DateField(verbose_name='day')),
                ('issued_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='issued')),
                ('language', models.CharField(max_length=16, verbose_name='language')),
                ('seller_name', models.CharField(max_length=200, verbose_name='seller')),
                ('seller_address', models.TextField(blank=True, verbose_name='seller’s address')),
                ('seller_tax_id', models.CharField(blank=True, max_length=100, verbose_name='seller’s tax ID')),
                ('note', models.TextField(blank=True, verbose_name='note')),
                ('paid_with', models.CharField(blank=True, db_default='', default='', max_length=100, verbose_name='paid with')),
                ('buyer', models.TextField(blank=True, verbose_name='buyer')),
                ('purchase', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='receipts', to='purchases.purchase', verbose_name='purchase')),
                ('refund', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='credit_note', to='refunds.refund', verbose_name='refund')),
            ],
            options={
                'verbose_name': 'receipt',
                'verbose_name_plural': 'receipts',
                'ordering': ['-issued_at', '-id'],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='receiptseries',
            trigger=pgtrigger.compiler.Trigger(name='never_counts_back', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."last" >= (NEW."last"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='b286df40848f01ab9f1a746aeeb7648384934922', operation='UPDATE', pgid='pgtrigger_never_counts_back_96e3c', table='receipts_receiptseries', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='receiptseries',
            trigger=pgtrigger.compiler.Trigger(name='is_never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='dada686e1374ab23408313a4aac180c62a97310a', operation='DELETE', pgid='pgtrigger_is_never_deleted_2f52b', table='receipts_receiptseries', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='receiptseries',
            trigger=pgtrigger.compiler.Trigger(name='is_never_emptied', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'Cannot truncate %', TG_TABLE_NAME;", hash='64b2535b94594f18e172009e7374ec4621b3ce15', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_is_never_emptied_95eb1', table='receipts_receiptseries', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='receipt',
            index=models.Index(fields=['-issued_at', '-id'], name='receipt_newest'),
        ),
        migrations.AddConstraint(
            model_name='receipt',
            constraint=models.UniqueConstraint(fields=('series', 'serial'), name='receipt_number_once'),
        ),
        migrations.AddConstraint(
            model_name='receipt',
            constraint=models.UniqueConstraint(condition=models.Q(('kind', 'receipt')), fields=('purchase',), name='receipt_one_per_purchase'),
        ),
        migrations.AddConstraint(
            model_name='receipt',
            constraint=models.CheckConstraint(condition=models.Q(('serial__gt', 0)), name='receipt_counts_from_one'),
        ),
        migrations.AddConstraint(
            model_name='receipt',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind', 'receipt'), ('refund__isnull', True)), models.Q(('kind', 'credit_note'), ('refund__isnull', False)), _connector='OR'), name='receipt_credit_note_has_its_refund'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='receipt',
            trigger=pgtrigger.compiler.Trigger(name='keeps_what_it_says', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."kind" IS DISTINCT FROM (NEW."kind") OR OLD."purchase_id" IS DISTINCT FROM (NEW."purchase_id") OR OLD."refund_id" IS DISTINCT FROM (NEW."refund_id") OR OLD."number" IS DISTINCT FROM (NEW."number") OR OLD."series" IS DISTINCT FROM (NEW."series") OR OLD."serial" IS DISTINCT FROM (NEW."serial") OR OLD."day" IS DISTINCT FROM (NEW."day") OR OLD."issued_at" IS DISTINCT FROM (NEW."issued_at") OR OLD."language" IS DISTINCT FROM (NEW."language") OR OLD."seller_name" IS DISTINCT FROM (NEW."seller_name") OR OLD."seller_address" IS DISTINCT FROM (NEW."seller_address") OR OLD."seller_tax_id" IS DISTINCT FROM (NEW."seller_tax_id") OR OLD."note" IS DISTINCT FROM (NEW."note"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='57b4a1d72ddd338ac77034906cb2fd4ea15d02b2', operation='UPDATE', pgid='pgtrigger_keeps_what_it_says_3a818', table='receipts_receipt', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='receipt',
            trigger=pgtrigger.compiler.Trigger(name='forgets_its_buyer_only', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN ((OLD."buyer" IS DISTINCT FROM (NEW."buyer") AND NOT (NEW."buyer" = \'\')) OR (OLD."paid_with" IS DISTINCT FROM (NEW."paid_with") AND NOT (NEW."paid_with" = \'\')))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='7da86552dbcd64484c830717201ed5fec4b24b81', operation='UPDATE', pgid='pgtrigger_forgets_its_buyer_only_80df8', table='receipts_receipt', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='receipt',
            trigger=pgtrigger.compiler.Trigger(name='is_never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='32d34dc5fee99511706fdf21fe910ab383c32740', operation='DELETE', pgid='pgtrigger_is_never_deleted_f497a', table='receipts_receipt', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='receipt',
            trigger=pgtrigger.compiler.Trigger(name='is_never_emptied', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'Cannot truncate %', TG_TABLE_NAME;", hash='8f1a5f571a435c1231a410241d4c89c36060f870', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_is_never_emptied_d7060', table='receipts_receipt', when='BEFORE')),
        ),
    ]
