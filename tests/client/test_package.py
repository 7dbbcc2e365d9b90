"""The package stands alone: nothing of ours, nothing but httpx, typed."""

from __future__ import annotations

import ast
import sys
import tomllib
from pathlib import Path

import prepaid_credits

PACKAGE = Path(prepaid_credits.__file__).parent
PROJECT = PACKAGE.parent.parent


def imported(path: Path) -> set[str]:
    """The top names of the modules that a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return {name.partition(".")[0] for name in names}


def test_it_imports_nothing_but_httpx() -> None:
    used = set().union(*map(imported, PACKAGE.glob("*.py")))

    assert used - sys.stdlib_module_names == {"httpx", "prepaid_credits"}
    described = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert [name.partition(">")[0] for name in described["dependencies"]] == ["httpx"]


def test_it_is_typed_and_names_what_it_offers() -> None:
    assert (PACKAGE / "py.typed").exists()
    offered = {name for name in vars(prepaid_credits) if name[0].isupper()} | {"exit_on_sigterm"}
    assert set(prepaid_credits.__all__) == offered


def test_every_error_is_of_the_one_base() -> None:
    for name in prepaid_credits.__all__:
        one = getattr(prepaid_credits, name)
        if isinstance(one, type) and issubclass(one, Exception):
            assert issubclass(one, prepaid_credits.CreditsError), name
