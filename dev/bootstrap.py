"""Set up a working copy: a `.venv` with exactly the pinned requirements. Runs on any Python the machine has.

Uses the standard library and no syntax newer than f-strings, so that a Python that is too old can say so.
"""

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
VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"


def main() -> None:
    if sys.version_info < NEEDED:
        use_a_newer_python()
    os.chdir(ROOT)
    wanted = fingerprint()
    if read(STAMP) == wanted and os.path.exists(PYTHON):
        return
    started = time.time()
    make_venv()
    say("Installing the pinned requirements ...")
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--require-hashes"]
    run([*pip, "-r", os.path.join(ROOT, "dev", "uv.txt")])
    uv = os.path.join(VENV, "bin", "uv")
    run([uv, "pip", "sync", "--quiet", "--python", PYTHON, "--require-hashes", REQUIREMENTS])
    with open(STAMP, "w") as stamp:
        stamp.write(wanted)
    say(f"Set up in {time.time() - started:.0f} s.")


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


def run(command: "list[str]") -> None:
    """Run a command; if it fails, print its output and one line that says what to do."""
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if result.returncode:
        sys.stderr.write(result.stdout.decode(errors="replace"))
        fail(
            "The requirements could not be installed. Is the package index reachable? Then run the same command again."
        )


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def fail(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.exit(1)


if __name__ == "__main__":
    main()
