"""Set up a working copy: a `.venv` with exactly the pinned requirements, and compiled translations.

Runs on any Python the machine has: it uses the standard library and no syntax newer than f-strings, so that a Python
that is too old can say so.
"""

import glob
import hashlib
import os
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, "bin", "python")
STAMP = os.path.join(VENV, ".requirements")
REQUIREMENTS = os.path.join(ROOT, "requirements-dev.txt")
NEEDED = (3, 11)
NEWER = [f"python3.{minor}" for minor in range(15, 10, -1)]
NOT_INSTALLED = (
    "The requirements could not be installed. Is the package index reachable? "
    "Then run the same command again."
)
NOT_COMPILED = "A translation could not be compiled. Mend the line of locale/ that is named above."
VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"


def main() -> None:
    if sys.version_info < NEEDED:
        use_a_newer_python()
    os.chdir(ROOT)
    wanted = fingerprint()
    if read(STAMP) != wanted or not os.path.exists(PYTHON):
        install(wanted)
    compile_messages()


def install(wanted: str) -> None:
    started = time.time()
    make_venv()
    say("Installing the pinned requirements ...")
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--require-hashes"]
    run([*pip, "-r", os.path.join(ROOT, "dev", "uv.txt")], NOT_INSTALLED)
    uv = os.path.join(VENV, "bin", "uv")
    run([uv, "pip", "sync", "--quiet", "--python", PYTHON, "--require-hashes", REQUIREMENTS], NOT_INSTALLED)
    with open(STAMP, "w") as stamp:
        stamp.write(wanted)
    say(f"Set up in {time.time() - started:.0f} s.")


def compile_messages() -> None:
    """Compile the translations if one has changed."""
    sources = glob.glob(os.path.join("locale", "*", "LC_MESSAGES", "django.po"))
    stale = [path for path in sources if changed_at(path) > changed_at(path[:-2] + "mo")]
    if stale:
        run([PYTHON, os.path.join("dev", "messages", "compiling.py"), "locale"], NOT_COMPILED)


def changed_at(path: str) -> float:
    return os.path.getmtime(path) if os.path.exists(path) else 0


def use_a_newer_python() -> None:
    """Continue with a newer Python if this machine has one."""
    for name in NEWER:
        found = shutil.which(name)
        if found:
            os.execv(found, [found, *sys.argv])  # noqa: S606 - the same script, no shell wanted
    fail(
        f"This needs Python 3.11 or newer, and {sys.executable} is {VERSION}. "
        "Install one, or name it: make demo PYTHON=python3.12"
    )


def make_venv() -> None:
    if os.path.exists(PYTHON) and venv_works():
        return
    say(f"Making .venv with Python {VERSION} ...")
    shutil.rmtree(VENV, ignore_errors=True)
    result = subprocess.run(
        [sys.executable, "-m", "venv", VENV], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if result.returncode:
        shutil.rmtree(VENV, ignore_errors=True)
        fail(
            f"Python can't make a virtual environment. On Debian and Ubuntu: apt install python{VERSION}-venv"
        )


def venv_works() -> bool:
    check = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    return subprocess.call([PYTHON, "-c", check], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0


def fingerprint() -> str:
    """Identify what the environment was built for: another Python or other requirements rebuild it."""
    with open(REQUIREMENTS, "rb") as requirements:
        digest = hashlib.sha256(requirements.read()).hexdigest()
    return f"{digest} {sys.version_info[:2]} {ROOT}"


def read(path: str) -> str:
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


def run(command: "list[str]", hint: str) -> None:
    """Run a command; if it fails, print its output and one line that says what to do."""
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if result.returncode:
        sys.stderr.write(result.stdout.decode(errors="replace"))
        fail(hint)


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def fail(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.exit(1)


if __name__ == "__main__":
    main()
