"""The image: what goes in, what stays out, and that its static files can be collected without a secret."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dev.image import compose
from dev.image.base import ImageTestError
from dev.image.compose import read_service
from dev.image.rehearsal import first_steps

ROOT = Path(__file__).resolve().parent.parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text()
KEPT_OUT = {"sandbox", "dev", "bench", "tests", "docs", ".env", ".git", ".local", "."}


def copied() -> set[str]:
    """What the Dockerfile copies out of the working copy."""
    lines = re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
    return {source.rstrip("/") for line in lines for source in line.split()[:-1]}


def let_in() -> set[str]:
    return set(re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))


def test_only_what_production_needs_is_copied() -> None:
    assert copied() == let_in()
    assert not copied() & KEPT_OUT
    assert all((ROOT / name).exists() for name in copied())


def test_everything_else_is_ignored() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert next(line for line in lines if not line.startswith("#")) == "*"
    assert {"config/settings/dev.py", "config/settings/test.py"} <= set(lines)


def test_the_image_holds_no_secret_and_does_not_run_as_root() -> None:
    for secret in ("sk_", "rk_", "whsec_", "SECRET", "PASSWORD", "TOKEN"):
        assert secret not in DOCKERFILE
    assert re.findall(r"^USER (\d+)", DOCKERFILE, re.MULTILINE) == ["10001"]
    assert "DJANGO_SETTINGS_MODULE=config.settings.production" in DOCKERFILE


def pins(name: str) -> dict[str, str]:
    """Every pinned distribution with its version and hashes."""
    found = re.findall(
        r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==(.+?)(?=^\S|\Z)",
        (ROOT / name).read_text(),
        re.MULTILINE | re.DOTALL,
    )
    assert found
    return {distribution: re.sub(r"\s+#.*", "", rest) for distribution, rest in found}


def test_production_runs_on_the_very_pins_that_were_tested() -> None:
    tested = pins("requirements-dev.txt")
    for distribution, pin in pins("requirements.txt").items():
        assert "--hash=sha256:" in pin
        assert tested.get(distribution) == pin, distribution


def test_translations_are_compiled_with_the_very_babel_that_was_tested() -> None:
    assert pins("dev/babel.txt") == {"babel": pins("requirements-dev.txt")["babel"]}


def test_compose_waits_for_the_database_and_the_migration() -> None:
    compose = (ROOT / "compose.yaml").read_text()
    assert compose.count("condition: service_completed_successfully") == 2  # web and worker
    assert compose.count("condition: service_healthy") == 3
    for promise in ("read_only: true", "no-new-privileges:true", "cap_drop: [ALL]"):
        assert promise in compose


def test_compose_gives_what_runs_the_time_to_end() -> None:
    assert read_service("web").grace_s == 30
    assert read_service("worker").grace_s == 60


def test_nothing_in_compose_is_left_out_when_the_image_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = read_service("web")
    assert tried.restrictions == (
        "--read-only",
        "--tmpfs=/tmp",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges",
    )
    assert tried.init
    (tmp_path / "compose.yaml").write_text("services: {web: {privileged: true}}")
    monkeypatch.setattr(compose, "ROOT", tmp_path)
    with pytest.raises(ImageTestError, match="privileged"):
        read_service("web")


def test_the_first_start_names_files_that_the_image_has() -> None:
    files = [word for command in first_steps() for word in command if "/" in word]
    assert files
    for name in files:
        assert (ROOT / name).is_file()
        assert name.split("/")[0] in copied()


@pytest.fixture(scope="module")
def image_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image's /app after the Dockerfile's collectstatic."""
    folder = tmp_path_factory.mktemp("image")
    for name in copied():
        source = ROOT / name
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(
                source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "dev.py", "test.py")
            )
        else:
            shutil.copy(source, folder / name)
    result = subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity", "0"],
        cwd=folder,
        env={"DJANGO_SETTINGS_MODULE": "config.settings.build"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    return folder


def test_static_files_are_collected_under_names_with_their_hash_and_compressed(image_folder: Path) -> None:
    manifest = json.loads((image_folder / "staticfiles" / "staticfiles.json").read_text())["paths"]
    for name in ("css/base.css", "admin/css/base.css", "unfold/css/styles.css"):
        hashed = image_folder / "staticfiles" / manifest[name]
        assert hashed.exists()
        assert hashed.with_name(hashed.name + ".gz").exists()
        assert hashed.name != Path(name).name


def test_translations_are_compiled_by_a_module_of_its_own(image_folder: Path) -> None:
    for compiled in (image_folder / "locale").glob("*/LC_MESSAGES/django.mo"):
        compiled.unlink()
    command = [sys.executable, "dev/messages/compiling.py", "locale"]
    assert subprocess.run(command, cwd=image_folder, capture_output=True, text=True).stderr == ""
    for source in (image_folder / "locale").glob("*/LC_MESSAGES/django.po"):
        assert source.with_suffix(".mo").exists()


def test_the_build_settings_can_serve_nothing(image_folder: Path) -> None:
    code = "from django.conf import settings as s; print(s.ALLOWED_HOSTS, s.DATABASES, s.DEBUG, s.STRIPE_SECRET_KEY)"
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=image_folder,
        env={"DJANGO_SETTINGS_MODULE": "config.settings.build"},
        capture_output=True,
        text=True,
    )
    assert result.stdout.split() == ["[]", "{}", "False"]
