"""Store Stripe's objects, and what it takes to serve them over HTTP."""

from typing import Any, ClassVar

from django.db import models


class Row(models.Model):
    """Name the rows of all tables."""

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{type(self).__name__} {self.pk}"


class Record(Row):
    """Store one of Stripe's objects in its current state: a product, a session, an event …

    `data` is what the API shows. `private` is what Stripe knows and doesn't show: a session's line items, an
    endpoint's secret. `due` is when time alone changes the object, by the sandbox's clock.
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


class SavedAnswer(Row):
    """Keep the answer to a request with an idempotency key, for its repeats. Keys are separate per API key."""

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


class Delivery(Row):
    """Track one event on its way to one endpoint. Each of its `attempts` sends the same `payload`."""

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
    attempts = models.JSONField(default=list)

    objects: ClassVar[models.Manager["Delivery"]] = models.Manager()


class Fault(Row):
    """Define a fault for the next calls of a route; with `times` None it lasts until cleared.

    `after`: carry the call out first. `remember`: save the failure under the call's idempotency key.
    """

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


class Setting(Row):
    """Store one named value: the clock's offset, the webhook mode."""

    name = models.CharField(max_length=64, primary_key=True)
    value = models.JSONField()

    objects: ClassVar[models.Manager["Setting"]] = models.Manager()

    @classmethod
    def read(cls, name: str, default: Any) -> Any:
        setting = cls.objects.filter(name=name).first()
        return setting.value if setting else default

    @classmethod
    def write(cls, name: str, value: Any) -> None:
        cls.objects.update_or_create(name=name, defaults={"value": value})
