"""Store the provider's users."""

import uuid

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models


class Users(BaseUserManager["User"]):
    """Find users for django.contrib.auth."""


class User(AbstractBaseUser):
    """Store someone with an account at the provider. The primary key is the token's `sub` and never changes."""

    sub = models.UUIDField(primary_key=True, default=uuid.uuid4)
    username = models.CharField(max_length=150, unique=True)
    email = models.EmailField(blank=True)
    given_name = models.CharField(max_length=150, blank=True)
    family_name = models.CharField(max_length=150, blank=True)
    roles = models.JSONField(default=list)

    objects = Users()
    USERNAME_FIELD = "username"

    class Meta:
        db_table = "openid_person"  # as existing state folders have it

    def __str__(self) -> str:
        return self.username

    @property
    def name(self) -> str:
        return f"{self.given_name} {self.family_name}".strip()
