"""The sandbox's whole memory: a table of Stripe's objects, and what is needed to talk about them over HTTP."""

from typing import ClassVar

from django.db import models


class Record(models.Model):
    """One object of Stripe's as it stands now: a product, a session, an event …

    `data` is what the API shows. `private` is what Stripe knows and does not show: a session's line items, an
    endpoint's secret. `due` is the moment (sandbox clock) at which time itself changes the object.
    """

    seq = models.BigAutoField(primary_key=True)
    id = models.CharField(max_length=255, unique=True)
    type = models.CharField(max_length=64)
    created = models.BigIntegerField()
    due = models.BigIntegerField(null=True, db_index=True)
    deleted = models.BooleanField(default=False)
    data = models.JSONField()
    private = models.JSONField(default=dict)

    objects: ClassVar[models.Manager["Record"]] = models.Manager()

    class Meta:
        indexes = [models.Index(fields=["type", "seq"], name="record_by_type")]

    def __str__(self) -> str:
        return self.id


class SavedAnswer(models.Model):
    """What a request with an idempotency key was answered, to be said again. Keys belong to one API key."""

    api_key = models.CharField(max_length=255)
    key = models.CharField(max_length=255)
    endpoint = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.IntegerField()
    body = models.TextField()
    request_id = models.CharField(max_length=64)
    created = models.BigIntegerField()

    objects: ClassVar[models.Manager["SavedAnswer"]] = models.Manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["api_key", "key"], name="one_answer_per_key")]

    def __str__(self) -> str:
        return self.key


class Delivery(models.Model):
    """One event on its way to one endpoint. `payload` is the exact body, the same at every attempt."""

    class State(models.TextChoices):
        PENDING = "pending"
        HELD = "held"
        DELIVERED = "delivered"
        FAILED = "failed"
        DROPPED = "dropped"

    event = models.CharField(max_length=64, db_index=True)
    event_type = models.CharField(max_length=128)
    endpoint = models.CharField(max_length=64)
    url = models.TextField()
    payload = models.TextField()
    state = models.CharField(max_length=16, choices=State.choices, db_index=True)
    failures = models.IntegerField(default=0)

    objects: ClassVar[models.Manager["Delivery"]] = models.Manager()

    def __str__(self) -> str:
        return f"{self.event_type} to {self.url}"


class Attempt(models.Model):
    """One HTTP request made for a delivery. `status` is None when no answer came; then `error` says why."""

    delivery = models.BigIntegerField(db_index=True)
    at = models.FloatField()
    status = models.IntegerField(null=True)
    duration_ms = models.IntegerField()
    body = models.TextField()
    error = models.TextField(null=True)

    objects: ClassVar[models.Manager["Attempt"]] = models.Manager()

    def __str__(self) -> str:
        return f"{self.delivery}: {self.status or self.error}"


class Fault(models.Model):
    """A misfortune that tests ordered for the next calls of a route; `times` None means until cleared."""

    method = models.CharField(max_length=8)
    path = models.CharField(max_length=255)
    action = models.CharField(max_length=8)
    status = models.IntegerField(null=True)
    after = models.BooleanField()
    delay_ms = models.IntegerField()
    remember = models.BooleanField()
    times = models.IntegerField(null=True)
    hits = models.IntegerField(default=0)

    objects: ClassVar[models.Manager["Fault"]] = models.Manager()

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Setting(models.Model):
    """A single remembered value: the clock's offset, the webhook mode."""

    name = models.CharField(max_length=64, primary_key=True)
    value = models.JSONField()

    objects: ClassVar[models.Manager["Setting"]] = models.Manager()

    def __str__(self) -> str:
        return self.name
