"""A cache that refuses, hangs or breaks off costs a request milliseconds and refuses nobody."""

from __future__ import annotations

import logging
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache

from accounts.clients.api_keys import create_key
from core import breaker
from tests.billing.calling import API, browser_of, post_json
from tests.credits.builders import funded
from tests.credits_api.calling import Service
from tests.support.api_clients import make_client
from tests.support.builders import UserFactory, put_on_sale
from tests.support.redis import redis_server, use_redis
from tests.support.sandbox import Sandbox

__all__ = ["redis_server"]


@pytest.fixture(params=["refuses", "hangs"])
def lost_cache(request: Any, settings: Any) -> Iterator[str]:
    """A cache at a port where nobody listens, or where connections are accepted and never answered."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if request.param == "hangs":
            listener.listen(100)
        use_redis(settings, listener.getsockname()[1])
        yield request.param


@pytest.mark.django_db(transaction=True)
def test_spends_and_purchases_go_on_without_the_cache(
    lost_cache: str, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    put_on_sale()
    account, buyer = funded(100), browser_of(UserFactory())
    service = Service(create_key(make_client(), name="one").secret)
    begun = time.monotonic()
    with caplog.at_level(logging.WARNING):
        spent = [service.spend(account, "1") for _ in range(20)]
        waited = time.monotonic() - begun
        bought = post_json(buyer, f"{API}purchase", {"package_code": "pro"})
        # The counts are sent by a thread of their own, which may still wait for the first answer.
        said = time.monotonic() + 10
        while not any("cache_away" in line for line in caplog.messages) and time.monotonic() < said:
            time.sleep(0.05)

    assert {answer.status_code for answer in spent} == {201}
    assert bought.status_code == 201
    assert waited < 5  # as long as ever: each of them waited for seconds
    assert len([line for line in caplog.messages if "cache_away" in line]) == 1


def test_an_absent_cache_is_an_empty_one(lost_cache: str) -> None:
    assert cache.add("a", 1)
    cache.set("a", 1)
    cache.set_many({"a": 1})
    assert (cache.get("a", "none"), cache.get_many(["a"]), cache.has_key("a")) == ("none", {}, False)
    assert (cache.incr("a"), cache.incr("a", 2), cache.touch("a"), cache.delete("a")) == (1, 2, False, False)
    cache.delete_many(["a"])
    cache.clear()


def test_a_cache_that_comes_back_counts_again(
    redis_server: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker, "PAUSE_S", 0.5)
    assert cache.add("seen", 1)
    with pytest.raises(ValueError, match="not found"):
        cache.incr("unseen")
    redis_server.send_signal(signal.SIGSTOP)
    try:
        begun = time.monotonic()
        assert [cache.incr("seen") for _ in range(50)] == [1] * 50
        assert time.monotonic() - begun < 3
    finally:
        redis_server.send_signal(signal.SIGCONT)
    deadline = time.monotonic() + 10
    while cache.incr("seen") < 2:  # the first who asked was answered, though too late to hear it
        assert time.monotonic() < deadline
        time.sleep(0.1)
    redis_server.kill()
    redis_server.wait()
    assert [cache.incr("seen") for _ in range(3)] == [1] * 3
