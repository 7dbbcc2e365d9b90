"""The README, and docs/charge-for-your-service.md, run from their first line to their last."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from accounts.clients import client_tokens as tokens
from accounts.limits.counters import forget_counts
from accounts.sign_in.provider_keys import forget_keys
from credits.ledger.models import Account, Entry
from credits.rates.card_file import read_card
from credits.rates.loading import load_card
from tests.support.builders import put_on_sale
from tests.support.programs import needed
from tests.support.sandbox import Sandbox

ROOT = Path(__file__).resolve().parent.parent.parent
BLOCK = re.compile(r"^```(sh|json|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)
README = (ROOT / "README.md").read_text()
BLOCKS = BLOCK.findall((ROOT / "docs/charge-for-your-service.md").read_text())
END = "--- the end of this block ---"


class Terminal:
    """One shell, which the guide's lines are typed into."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def type(self, lines: str) -> str:
        """What they print."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{lines}\necho; echo '{END}'\n")
        self.process.stdin.flush()
        said = ""
        for line in self.process.stdout:
            if line.strip() == END:
                return said.strip()
            said += line
        raise AssertionError(f"The shell ended: {said}")


@contextmanager
def open_terminal(folder: Path) -> Iterator[Terminal]:
    needed("curl")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "clients/python/src")}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        ["bash"], cwd=folder, env=environment, stdin=pipe, stdout=pipe, text=True
    ) as process:
        yield Terminal(process)


def matches(shown: str, said: str) -> bool:
    """Whether it was said as shown, where … is anything and white space means nothing."""
    parts = [re.escape(re.sub(r"\s", "", part)) for part in shown.split("…")]
    return re.fullmatch(".*?".join(parts), re.sub(r"\s", "", said)) is not None


def run(terminal: Terminal, sandbox: Sandbox, site: str, blocks: list[tuple[str, str]]) -> str:
    """Type each shell block, and compare what it prints with the JSON that follows. Return the programs."""
    here = {"http://localhost:8000": site, "http://localhost:8001": sandbox.url}
    programs, said = "", ""
    for kind, shown in blocks:
        text = re.sub("|".join(here), lambda found: here[found[0]], shown)
        if kind == "sh":
            said = terminal.type(text)
            sandbox.wait_for_webhooks()
        elif kind == "json":
            assert matches(text, said), f"{text}\n{said}"
        else:
            programs += text
    return programs


@pytest.mark.django_db(transaction=True)
def test_every_line_of_the_readme_does_what_it_says(
    sandbox: Sandbox, live_server: Any, tmp_path: Path
) -> None:
    put_on_sale()
    forget_counts()
    forget_keys()
    port = re.findall(r"^PORT \?= (\d+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert re.findall(r"^\$ make demo\nReady: http://localhost:(\d+)$", README, re.MULTILINE) == port
    with open_terminal(tmp_path) as terminal:
        run(terminal, sandbox, live_server.url, BLOCKS[:1])  # buys the pack, as the README has done by hand
        run(terminal, sandbox, live_server.url, BLOCK.findall(README))

    assert Account.objects.get().balance == 1000


@pytest.mark.django_db(transaction=True)
def test_every_line_of_the_guide_does_what_it_says(
    sandbox: Sandbox, live_server: Any, tmp_path: Path
) -> None:
    put_on_sale()
    load_card(read_card(ROOT / "credits/rates/cards/demo.toml"))
    forget_counts()
    forget_keys()
    tokens._proofs.clear()
    with open_terminal(tmp_path) as terminal:
        programs = run(terminal, sandbox, live_server.url, BLOCKS)
        (tmp_path / "charge.py").write_text(programs)
        printed = terminal.type(f"{sys.executable} charge.py").splitlines()

    account = Account.objects.get()
    assert printed == [
        "2.5 taken, 995 left",
        f"9999005 missing, available at {live_server.url}/credits/",
        "1.169838",
        "1.00",
    ]
    spends = Entry.objects.filter(account=account, kind="spend").order_by("version")
    references = [entry.reference for entry in spends]
    assert references == ["Report for March", "Report for April", "", "Film", *["Page view"] * 100]
    film = Decimal("6.9")
    assert account.balance == 1000 - Decimal(5) - Decimal("1.169838") - film - 1
    assert account.held == 0
