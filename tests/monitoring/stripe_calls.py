"""Which operations of Stripe's the code calls, read from the code and from stripe-python."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from typing import Any

import stripe

from billing.stripe.counting import operation_of
from billing.stripe.mirror import LISTED, MODELS
from tests.monitoring.scraping import ROOT

# The root of a chain: client().v1, or the argument of what is given to `ask` and of a permission's probe.
ROOTS = {"v1", "stripe"}
REQUEST = re.compile(r'_request(?:_async)?\(\s*"(get|post|delete)",\s*"(/v1[^"]*)"')


def operations_in_the_code() -> set[str]:
    """What our own calls come to."""
    v1 = stripe.StripeClient("sk_test_unused").v1
    found = set()
    for path in sorted((ROOT / "billing").rglob("*.py")):
        for chain in _chains(ast.parse(path.read_text())):
            method: Any = v1
            for name in chain:
                method = getattr(method, name, None)
            if inspect.ismethod(method):
                found.add(_operation(method))
    return found


def operations_of_the_mirror() -> set[str]:
    """What dj-stripe asks for in our name: objects by id, and lists of them."""
    retrieved = {_class_operation(model.stripe_class, "get", "/id") for model in MODELS.values()}
    return retrieved | {_class_operation(model.stripe_class, "get", "") for model in LISTED.values()}


def _operation(method: Any) -> str:
    asked = REQUEST.search(inspect.getsource(method))
    assert asked, method
    return operation_of(asked[1], f"https://api.stripe.com{re.sub(r'{[^}]*}', 'id', asked[2])}")


def _class_operation(resource: Any, verb: str, below: str) -> str:
    return operation_of(verb, f"https://api.stripe.com{resource.class_url()}{below}")


def _chains(tree: ast.Module) -> Iterator[list[str]]:
    """Each chain of attributes below a root, also from a name that was given a part of one."""
    aliases: dict[str, list[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            chain = _chain(node.value, {})
            if chain:
                aliases[node.targets[0].id] = chain
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (chain := _chain(node, aliases)):
            yield chain


def _chain(node: ast.expr, aliases: dict[str, list[str]]) -> list[str]:
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        if node.attr == "v1":
            return names[::-1]
        names.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name) and node.id in aliases:
        return [*aliases[node.id], *names[::-1]]
    return names[::-1] if isinstance(node, ast.Name) and node.id in ROOTS else []
