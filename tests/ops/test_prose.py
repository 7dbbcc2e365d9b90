"""`make prose` finds every banned phrase wherever prose stands, and says what to write instead."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BANNED = dict(line.split("->") for line in (ROOT / "dev/banned-words.txt").read_text().splitlines())


def prose(path: Path) -> subprocess.CompletedProcess[str]:
    command = ["make", "--no-print-directory", "--old-file=setup", "prose", f"ARGS={path}"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_every_banned_phrase_is_found_with_what_to_write_instead(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("".join(f"It was {phrase.upper()}.\n" for phrase in BANNED))

    checked = prose(tmp_path)

    assert checked.returncode != 0
    for number, (phrase, instead) in enumerate(BANNED.items(), 1):
        first = instead.split(",")[0]
        assert f"page.md:{number}: {phrase.upper()} ==> {first.upper()}" in checked.stdout


def test_prose_is_read_in_docs_code_and_templates(tmp_path: Path) -> None:
    phrase = next(phrase for phrase in BANNED if " " in phrase)
    texts = {
        "module.py": f'def fulfil() -> None:\n    """Do {phrase}."""\n',
        "comment.py": f"fulfil()  # {phrase}, and then\n",
        "page.html": f'<p>{{% translate "Please {phrase}" %}}</p>\n',
        "mail.txt": f"You {phrase} it.\n",
        "function.sql": f"-- {phrase}\nSELECT 1;\n",
        "Makefile": f"target:  ## {phrase}\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)

    found = prose(tmp_path).stdout

    assert all(f"{name}:" in found for name in texts), found


def test_words_that_merely_contain_a_banned_one_pass(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("".join(f"x{phrase} {phrase}x\n" for phrase in BANNED))

    checked = prose(tmp_path)

    assert (checked.returncode, checked.stdout.count("==>")) == (0, 0), checked.stdout
