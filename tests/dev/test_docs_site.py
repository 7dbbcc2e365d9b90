"""`make docs`: the site leads from the docs into the repository's files, and a link to nowhere stops it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project with this one's settings of the site."""
    files = {
        "mkdocs.yml": (ROOT / "mkdocs.yml").read_text().split("\nnav:")[0]
        + "\nnav: [index.md, decisions/index.md]\n",
        "README.md": "# A project\n\nRead [the start](docs/index.md#the-start-a--b) and [more](docs/decisions/).\n",
        "LICENSE": "Do as you please.\n",
        "code/sums.py": "def add() -> None: ...\n",
        "docs/index.md": "# Docs\n\n## The start: a & b\n\n[readme](../README.md) [code](../code/sums.py)\n"
        "[decisions](decisions/) [licence](../LICENSE)\n",
        "docs/decisions/first.md": "# The first page\n\n[all code](../../code/)\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "dev").mkdir()
    shutil.copy(ROOT / "dev/docs_site.py", tmp_path / "dev")
    return tmp_path


def build(project: Path) -> subprocess.CompletedProcess[str]:
    """Do what `make docs` does."""
    subprocess.run([sys.executable, "-m", "dev.docs_site"], cwd=project, check=True)
    command = [sys.executable, "-m", "mkdocs", "build"]
    return subprocess.run(command, cwd=project, capture_output=True, text=True)


def test_the_site_has_a_page_for_each_file_that_the_docs_lead_to(project: Path) -> None:
    built = build(project)

    assert built.returncode == 0, built.stderr
    site = project / ".local/docs-site"
    home = (site / "index.html").read_text()
    for page in (
        "source/index.html",
        "source/code/sums.py.html",
        "source/LICENSE.html",
        "decisions/index.html",
    ):
        assert f'href="{page}"' in home, page
        assert (site / page).exists(), page
    assert "def" in (site / "source/code/sums.py.html").read_text()
    assert 'href="../index.html#the-start-a--b"' in (site / "source/index.html").read_text()
    assert 'href="first.html">The first page' in (site / "decisions/index.html").read_text()
    assert 'href="sums.py.html">sums.py' in (site / "source/code/index.html").read_text()
    html = "".join(path.read_text() for path in site.rglob("*.html"))
    assert not re.search(r"<(script|link|img|iframe)[^>]*(src|href)=.?(https?:)?//", html), (
        "needs another host"
    )


def test_a_link_to_nowhere_and_a_page_that_nothing_lists_stop_it(project: Path) -> None:
    broken = {
        "docs/index.md": "[gone](../code/gone.py) [gone](decisions/first.md#gone)",
        "README.md": "[gone](docs/gone.md)",
        "docs/lost.md": "# In no list",
    }
    for page, text in broken.items():
        with (project / page).open("a") as file:
            file.write(f"\n{text}\n")

    built = build(project)

    assert built.returncode == 1
    for named in ("'../code/gone.py'", "'decisions/first.md#gone'", "'docs/gone.md'", "lost.md"):
        assert named in built.stderr
    assert "Aborted with 4 warnings in strict mode" in built.stdout
