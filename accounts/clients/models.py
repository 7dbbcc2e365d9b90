"""Store the services that call the credits API, and their keys.

A *client* is one service: what it may do, how often, and whether it is active. It signs in with a token that the OpenID
provider issued for its own credentials, or with an API *key*. Both lead to the client's row, so one switch stops both.
"""

from __future__ import annotations

import uuid
from typing import Any

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.database.guards import never_deleted

PREFIX_PATTERN = r"[0-9a-f]{12}"
HASH_LENGTH = 64


class Scope(models.TextChoices):
    """A permission of a client for accounts."""

    READ = "read", _("Read balances and entries")
    SPEND = "spend", _("Spend and hold credits")
    TRANSFER = "transfer", _("Transfer credits between accounts")
    ACT_FOR_OTHERS = "act_for_others", _("Capture, release and read holds of other clients")


class ScopesField(ArrayField):  # type: ignore[type-arg]  # django-stubs types it by its values
    """A list of distinct scopes; the database refuses unknown ones."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("base_field", models.CharField(max_length=20, choices=Scope.choices))
        super().__init__(*args, **kwargs)


class ApiClient(models.Model):
    """A service that calls the API. Clients are switched off, never deleted: ledger entries name them.

    ``oidc_client_id`` is its name at the OpenID provider; without it, the client signs in only with keys.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=100)
    oidc_client_id = models.CharField(
        _("provider client ID"),
        max_length=255,
        unique=True,
        null=True,
        blank=True,
        help_text=_("As in its tokens; leave blank if it only uses API keys."),
    )
    scopes = ScopesField(verbose_name=_("scopes"), default=list, blank=True)
    requests_per_minute = models.PositiveIntegerField(
        _("requests per minute"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Leave blank for the default, CREDITS_API_RATE."),
    )
    is_active = models.BooleanField(
        _("active"),
        default=True,
        help_text=_("Turn off to refuse its tokens and keys immediately."),
    )
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("created by"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )

    class Meta:
        verbose_name = _("API client")
        verbose_name_plural = _("API clients")
        ordering = ["name", "id"]
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="clients_client_has_a_name"),
            models.CheckConstraint(condition=~Q(oidc_client_id=""), name="clients_client_oidc_id_not_blank"),
            models.CheckConstraint(
                condition=Q(scopes__contained_by=Scope.values), name="clients_client_scopes_exist"
            ),
            # A disabled client may have none: it may predate this rule.
            models.CheckConstraint(
                condition=Q(is_active=False) | Q(scopes__len__gt=0), name="clients_client_active_has_a_scope"
            ),
            models.CheckConstraint(
                condition=Q(requests_per_minute__isnull=True) | Q(requests_per_minute__gte=1),
                name="clients_client_rate_positive",
            ),
        ]
        triggers = never_deleted()

    def __str__(self) -> str:
        return self.name


class ApiKey(models.Model):
    """A client's key: only its hash and the visible prefix by which it is looked up, never the key itself.

    The hash is one SHA-256 of the whole key. Slow hashes protect secrets chosen by users; a key is 256 random bits,
    which can't be guessed at any speed, and a slow hash would slow down every request.
    """

    client = models.ForeignKey(
        ApiClient, verbose_name=_("client"), on_delete=models.PROTECT, related_name="keys"
    )
    name = models.CharField(_("name"), max_length=100)
    prefix = models.CharField(_("prefix"), max_length=12, unique=True, editable=False)
    secret_hash = models.CharField(max_length=HASH_LENGTH, editable=False)
    scopes = ScopesField(
        verbose_name=_("scopes"),
        null=True,
        blank=True,
        help_text=_("Leave blank for all of the client’s scopes."),
    )
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="clients_key_has_a_name"),
            models.CheckConstraint(
                condition=Q(prefix__regex=f"^{PREFIX_PATTERN}$"), name="clients_key_prefix_well_formed"
            ),
            models.CheckConstraint(
                condition=Q(secret_hash__regex=rf"^[0-9a-f]{{{HASH_LENGTH}}}$"),
                name="clients_key_holds_a_hash",
            ),
            models.CheckConstraint(
                condition=Q(scopes__isnull=True) | Q(scopes__contained_by=Scope.values),
                name="clients_key_scopes_exist",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__isnull=True) | Q(expires_at__gt=F("created_at")),
                name="clients_key_expires_after_creation",
            ),
            models.CheckConstraint(
                condition=Q(revoked_at__isnull=True) | Q(revoked_at__gte=F("created_at")),
                name="clients_key_revoked_after_creation",
            ),
        ]
        triggers = [
            pgtrigger.ReadOnly(
                name="keeps_what_it_came_as",
                fields=["client", "prefix", "secret_hash", "scopes", "created_at"],
            ),
            pgtrigger.Protect(
                name="stays_revoked",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__revoked_at__isnull=False)
                & pgtrigger.Q(old__revoked_at__df=pgtrigger.F("new__revoked_at")),
            ),
            *never_deleted(),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix})"

    @property
    def is_usable(self) -> bool:
        """Return whether the key is valid now, leaving its client's switch aside."""
        return self.revoked_at is None and (self.expires_at is None or timezone.now() < self.expires_at)
