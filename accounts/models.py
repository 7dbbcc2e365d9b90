"""Store users. They sign in through an OpenID provider, or with a Django password if none is configured."""

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
    """A customer or a member of staff.

    ``oidc_sub`` is the provider's subject: the only identifier of a user that never changes and is never reused (OpenID
    Connect Core 1.0, section 2). Users are matched by it and never by email address, which can pass to another user.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    oidc_sub = models.CharField(
        _("OpenID subject"), max_length=255, unique=True, null=True, blank=True, editable=False
    )

    # Sign-ins and bearer tokens both bring claims, in any order: older ones never overwrite newer ones.
    claims_issued_at = models.DateTimeField(_("claims issued at"), null=True, blank=True, editable=False)

    # The admin roles that the provider gives this user: sorted, comma-separated. The groups of the same names follow
    # it; it is stored here so that a request can detect a change without querying the groups.
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

    # See `accounts.languages`: the one that the user chose, and their browser's at the last sign-in.
    language = models.CharField(_("language"), max_length=12, blank=True, default="", db_default="")
    browser_language = models.CharField(
        _("browser’s language"), max_length=12, blank=True, default="", db_default="", editable=False
    )

    # When this row was emptied (see `billing.privacy.erasure`). It is kept: purchases and acts of staff refer to it.
    erased_at = models.DateTimeField(_("erased"), null=True, blank=True, editable=False)

    # The form by which users are found by email (see `accounts.email_addresses`). The database writes it on every
    # change of the address, so an instance in memory may be out of date.
    email_key = models.TextField(_("normalized email"), editable=False, default="", db_default="")

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        permissions = [
            ("export_user", _("Can download a user’s personal data")),
            ("erase_user", _("Can erase a user’s personal data")),
            ("suspend_user", _("Can suspend and restore a user")),
        ]
        constraints = [
            # An erasure is final: no late sign-in or edit undoes it.
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
                    language="",
                    browser_language="",
                    is_active=False,
                    is_staff=False,
                    is_superuser=False,
                ),
                name="accounts_user_erased_is_nobody",
            ),
            # Also covers rows that bypass the trigger.
            models.CheckConstraint(
                condition=Q(email_key=NormalForm("email")), name="accounts_user_email_key_is_its_emails"
            ),
        ]
        indexes = [
            models.Index(fields=["email_key"], name="accounts_user_by_email_key"),
            # Staff search for users by username too.
            models.Index(NormalForm("username"), name="accounts_user_by_username"),
            models.Index(NormalForm("first_name"), name="accounts_user_by_first_name"),
            models.Index(NormalForm("last_name"), name="accounts_user_by_last_name"),
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
        """Return whether the OpenID provider decides this user's names, email address and roles."""
        return self.oidc_sub is not None


class ProviderSession(models.Model):
    """The provider's session that a session here began with, so that the provider can end it here too.

    It is deleted with the session. ``sid`` is the provider's own id; empty if its tokens have none.
    """

    # No constraint: processes of the previous version, which don't know this table, end sessions too.
    session = models.OneToOneField(Session, on_delete=models.CASCADE, primary_key=True, db_constraint=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    sid = models.CharField(max_length=255, blank=True, db_index=True)

    class Meta:
        verbose_name = _("provider session")
        verbose_name_plural = _("provider sessions")

    def __str__(self) -> str:
        return self.sid


class ProviderLogout(models.Model):
    """A logout that the provider reported, kept while its token or a sign-in that it ended could still arrive."""

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
