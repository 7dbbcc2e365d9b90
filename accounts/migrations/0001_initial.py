import accounts.normal_form
import django.contrib.auth.models
import django.contrib.auth.validators
import django.db.models.deletion
import django.utils.timezone
import pgtrigger.compiler
import pgtrigger.migrations
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('sessions', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='User',
            fields=[
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                ('username', models.CharField(error_messages={'unique': 'A user with that username already exists.'}, help_text='Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only.', max_length=150, unique=True, validators=[django.contrib.auth.validators.UnicodeUsernameValidator()], verbose_name='username')),
                ('first_name', models.CharField(blank=True, max_length=150, verbose_name='first name')),
                ('last_name', models.CharField(blank=True, max_length=150, verbose_name='last name')),
                ('email', models.EmailField(blank=True, max_length=254, verbose_name='email address')),
                ('is_staff', models.BooleanField(default=False, help_text='Designates whether the user can log into this admin site.', verbose_name='staff status')),
                ('is_active', models.BooleanField(default=True, help_text='Designates whether this user should be treated as active. Unselect this instead of deleting accounts.', verbose_name='active')),
                ('date_joined', models.DateTimeField(default=django.utils.timezone.now, verbose_name='date joined')),
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('oidc_sub', models.CharField(blank=True, editable=False, max_length=255, null=True, unique=True, verbose_name='OpenID subject')),
                ('claims_issued_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='claims issued at')),
                ('provider_roles', models.CharField(blank=True, db_default='', default='', editable=False, max_length=200, verbose_name="provider's roles")),
                ('time_zone', models.CharField(blank=True, db_default='', default='', help_text='Such as Europe/Berlin; leave blank for the site’s time zone.', max_length=64, verbose_name='time zone')),
                ('erased_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='erased')),
                ('email_key', models.TextField(db_default='', default='', editable=False, verbose_name='normalized email')),
                ('groups', models.ManyToManyField(blank=True, help_text='The groups this user belongs to. A user will get all permissions granted to each of their groups.', related_name='user_set', related_query_name='user', to='auth.group', verbose_name='groups')),
                ('user_permissions', models.ManyToManyField(blank=True, help_text='Specific permissions for this user.', related_name='user_set', related_query_name='user', to='auth.permission', verbose_name='user permissions')),
            ],
            options={
                'verbose_name': 'user',
                'verbose_name_plural': 'users',
                'permissions': [('export_user', 'Can download a user’s personal data'), ('erase_user', 'Can erase a user’s personal data')],
            },
            managers=[
                ('objects', django.contrib.auth.models.UserManager()),
            ],
        ),
        migrations.CreateModel(
            name='ProviderLogout',
            fields=[
                ('jti', models.CharField(max_length=255, primary_key=True, serialize=False)),
                ('sid', models.CharField(blank=True, db_index=True, max_length=255)),
                ('issued_at', models.DateTimeField()),
                ('forget_after', models.DateTimeField(db_index=True)),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'provider logout',
                'verbose_name_plural': 'provider logouts',
            },
        ),
        migrations.CreateModel(
            name='ProviderSession',
            fields=[
                ('session', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, primary_key=True, serialize=False, to='sessions.session')),
                ('sid', models.CharField(blank=True, db_index=True, max_length=255)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'provider session',
                'verbose_name_plural': 'provider sessions',
            },
        ),
        migrations.AddIndex(
            model_name='user',
            index=models.Index(fields=['email_key'], name='accounts_user_by_email_key'),
        ),
        migrations.AddIndex(
            model_name='user',
            index=models.Index(accounts.normal_form.NormalForm('username'), name='accounts_user_by_username'),
        ),
        migrations.AddConstraint(
            model_name='user',
            constraint=models.CheckConstraint(condition=models.Q(('erased_at__isnull', True), models.Q(('email', ''), ('first_name', ''), ('is_active', False), ('is_staff', False), ('is_superuser', False), ('last_login__isnull', True), ('last_name', ''), ('oidc_sub__isnull', True), ('provider_roles', ''), ('time_zone', ''), ('username__startswith', 'erased-')), _connector='OR'), name='accounts_user_erased_is_nobody'),
        ),
        migrations.AddConstraint(
            model_name='user',
            constraint=models.CheckConstraint(condition=models.Q(('email_key', accounts.normal_form.NormalForm('email'))), name='accounts_user_email_key_is_its_emails'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='user',
            trigger=pgtrigger.compiler.Trigger(name='keeps_its_email_key', sql=pgtrigger.compiler.UpsertTriggerSql(func='NEW.email_key := lower(normalize(NEW.email, NFC) COLLATE "C"); RETURN NEW;', hash='55cc5a3738e188e740d87226cb4353adeb24ae84', operation='INSERT OR UPDATE OF "email", "email_key"', pgid='pgtrigger_keeps_its_email_key_cfab8', table='accounts_user', when='BEFORE')),
        ),
    ]
