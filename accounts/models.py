"""Who someone is.

A person signs in through an OpenID provider, or with a Django password where none is configured.
"""

from __future__ import annotations

import uuid

import pgtrigger
from django.contrib.auth.models import AbstractUser
from django.contrib.sessions.models import Session
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.normal_form import IN_SQL, NormalForm


class User(AbstractUser):
    """A buyer or a member of staff.

    ``oidc_sub`` is the provider's subject: the one identifier of a person that never changes and is never
    reused (OpenID Connect Core 1.0, section 2). People are matched on it and never on e-mail, which can
    move between people.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    oidc_sub = models.CharField(
        _("OpenID subject"), max_length=255, unique=True, null=True, blank=True, editable=False
    )

    # Signing in and bearer tokens both bring claims, in any order: an older token never overwrites a newer
    # one's.
    claims_issued_at = models.DateTimeField(_("claims issued at"), null=True, blank=True, editable=False)

    # Of the back office's roles, those that the provider gives this person: sorted, with commas. The groups of the same
    # names follow it; kept here, so that a request can tell that nothing changed without asking for the groups.
    provider_roles = models.CharField(
        _("provider's roles"), max_length=200, blank=True, default="", db_default="", editable=False
    )

    time_zone = models.CharField(
        _("time zone"),
        max_length=64,
        blank=True,
        default="",
        db_default="",
        help_text=_("Such as Europe/Berlin; leave blank for the site’s time zone."),
    )

    # When everything personal was taken out of this row (see `billing.privacy.erasure`). The row stays: purchases,
    # entries and what staff did hang on it.
    erased_at = models.DateTimeField(_("erased"), null=True, blank=True, editable=False)

    # The form under which people are found by e-mail (see `accounts.email_addresses`). The database writes it, whoever
    # writes the address: an instance in memory may still have an older one.
    email_key = models.TextField(_("normalized email"), editable=False, default="", db_default="")

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        permissions = [
            ("export_user", _("Can download a user’s personal data")),
            ("erase_user", _("Can erase a user’s personal data")),
        ]
        constraints = [
            # Nothing brings it back: no late sign-in, no edit.
            models.CheckConstraint(
                condition=Q(erased_at__isnull=True)
                | Q(
                    username__startswith="erased-",
                    email="",
                    first_name="",
                    last_name="",
                    oidc_sub__isnull=True,
                    last_login__isnull=True,
                    provider_roles="",
                    time_zone="",
                    is_active=False,
                    is_staff=False,
                    is_superuser=False,
                ),
                name="accounts_user_erased_is_nobody",
            ),
            # Also for rows that are written past the trigger.
            models.CheckConstraint(
                condition=Q(email_key=NormalForm("email")), name="accounts_user_email_key_is_its_emails"
            ),
        ]
        indexes = [
            models.Index(fields=["email_key"], name="accounts_user_by_email_key"),
            # Staff look people up by username too.
            models.Index(NormalForm("username"), name="accounts_user_by_username"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="keeps_its_email_key",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("email", "email_key"),  # type: ignore[no-untyped-call]
                func=f"NEW.email_key := {IN_SQL % {'expressions': 'NEW.email'}}; RETURN NEW;",
            ),
        ]

    @property
    def is_managed_by_provider(self) -> bool:
        """Whether the OpenID provider decides this person's names, e-mail and roles."""
        return self.oidc_sub is not None


class ProviderSession(models.Model):
    """The session at the OpenID provider that a session here began with: how the provider ends it here too.

    Goes with the session. ``sid`` is the provider's id of its own; empty where its tokens have none.
    """

    # Without a constraint: processes of the version before, which know nothing of this, end sessions too.
    session = models.OneToOneField(Session, on_delete=models.CASCADE, primary_key=True, db_constraint=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    sid = models.CharField(max_length=255, blank=True, db_index=True)

    class Meta:
        verbose_name = _("provider session")
        verbose_name_plural = _("provider sessions")

    def __str__(self) -> str:
        return self.sid


class ProviderLogout(models.Model):
    """A logout that the provider told of: kept while its token could come again, and while a sign-in that it ended may
    still be under way.
    """

    jti = models.CharField(max_length=255, primary_key=True)
    sid = models.CharField(max_length=255, blank=True, db_index=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="+")
    issued_at = models.DateTimeField()
    forget_after = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name = _("provider logout")
        verbose_name_plural = _("provider logouts")

    def __str__(self) -> str:
        return self.jti
