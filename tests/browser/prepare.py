"""Bring a Chromium for the tests of the pages, and say how: what is there, else Debian's, else Playwright's own.

Run as `python tests/browser/prepare.py COMMAND...`: then COMMAND runs with it, or it says that the tests are left out, and why.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def found() -> str:
    """A browser of this machine; empty if it has none."""
    return next((path for name in NAMES if (path := shutil.which(name))), "")


def installed() -> str:
    """One that is installed now: Debian's as root on Debian, else Playwright's own; empty if neither can be had."""
    if os.geteuid() == 0 and Path("/etc/debian_version").exists():
        for command in (["apt-get", "update", "-q"], ["apt-get", "install", "-q", "-y", "--no-install-recommends", "chromium"]):
            subprocess.run(command, check=False, stdout=sys.stderr, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
        if path := found():
            return path
    done = subprocess.run([sys.executable, "-m", "playwright", "install", "chromium-headless-shell"], check=False, stdout=sys.stderr)
    return "playwright" if done.returncode == 0 else ""


def main() -> int:
    """Run the command with CONFORMANCE_CHROMIUM set."""
    browser = found() or installed()
    if not browser:
        sys.stdout.write(
            "The tests of the pages in a browser are left out: there is no Chromium, it could not be installed as Debian's package "
            "(that needs root), and Playwright could not download its own. Install chromium, then run this again.\n"
        )
        return 0
    return subprocess.run(sys.argv[1:], check=False, env={**os.environ, "CONFORMANCE_CHROMIUM": browser}).returncode


if __name__ == "__main__":
    raise SystemExit(main())
