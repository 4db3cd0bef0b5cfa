"""Install Debian's Chromium for the browser journey where that is possible; otherwise say loudly that it is skipped."""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome")


def main() -> None:
    """Find or install a browser. Never fails: the tests that need one are skipped by name."""
    if any(shutil.which(name) for name in NAMES):
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "update", "-qq"], check=False)
        subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"], check=False)
    if not any(shutil.which(name) for name in NAMES):
        print(
            "\n*** Chromium не найден: ПРОВЕРКА В БРАУЗЕРЕ ПРОПУЩЕНА (apt-get install chromium) ***\n", file=sys.stderr
        )


if __name__ == "__main__":
    main()
