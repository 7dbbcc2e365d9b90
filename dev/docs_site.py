"""Prepare the docs for mkdocs: give each repository file that they link to a page of the site.

On a code host a link such as `../credits/ledger/operations.py` opens the file. The site has only `docs/`, so the files
that are linked to are copied in under `source/`, and the links follow. A link to a missing file stays as it is: mkdocs
names it.
"""

from __future__ import annotations

import os
import re
import shutil
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PREPARED = ROOT / ".local" / "docs"
LINK = re.compile(r"(?<=\]\()([^)\s:#]+)")
LANGUAGES = {".py": "python", ".sql": "sql", ".toml": "toml"}


def prepare() -> None:
    """Copy `docs/` and, from link to link, all that it leads to."""
    shutil.rmtree(PREPARED, ignore_errors=True)
    shutil.copytree(DOCS, PREPARED)
    pages = sorted(DOCS.rglob("*.md"))
    for page in pages:
        text = markdown(page)
        linked = {target for link in LINK.findall(text) if (target := resolve(page, link)).exists()}
        pages += sorted(target for target in linked if target not in pages and needs_page(target))
        prepared = PREPARED / place(page)
        prepared.parent.mkdir(parents=True, exist_ok=True)
        prepared.write_text(LINK.sub(partial(relink, page), text))


def markdown(path: Path) -> str:
    """Return a page's text: a folder's list of pages, or code in a fence."""
    if path.is_dir():
        names = sorted(name for name in os.listdir(path) if name[0] not in "._")
        return f"# {path.name.title()}\n\n" + "\n".join(
            f"- [{heading(path / name)}]({name})" for name in names
        )
    text = path.read_text()
    if path.suffix == ".md":
        return text
    return f"# {path.name}\n\n````{LANGUAGES.get(path.suffix, 'text')}\n{text}````\n"


def heading(path: Path) -> str:
    return path.read_text().partition("\n")[0].strip("# ") if path.suffix == ".md" else path.name


def resolve(page: Path, link: str) -> Path:
    return Path(os.path.normpath((page if page.is_dir() else page.parent) / link))


def needs_page(target: Path) -> bool:
    """Tell what isn't copied with `docs/`: a folder's list, and any file of the repository outside."""
    if not target.is_relative_to(ROOT):
        return False
    return not (target / "index.md").exists() if target.is_dir() else not target.is_relative_to(DOCS)


def place(path: Path) -> Path:
    """Return a file's path in the site."""
    inside = path.relative_to(DOCS) if path.is_relative_to(DOCS) else "source" / path.relative_to(ROOT)
    if path.is_dir():
        return inside / "index.md"
    return inside.with_name(f"{inside.name}.md") if needs_page(path) and path.suffix != ".md" else inside


def relink(page: Path, link: re.Match[str]) -> str:
    target = resolve(page, link[0])
    if not (target.exists() and target.is_relative_to(ROOT)):
        return link[0]
    return os.path.relpath(place(target), place(page).parent)


if __name__ == "__main__":
    prepare()
