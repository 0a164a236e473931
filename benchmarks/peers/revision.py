"""Tidewire as it was at another commit, to be measured beside the present one."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.native import BUILD
from benchmarks.peers.install import NotInstalledError, run_installer
from benchmarks.peers.tidewire import Tidewire

CHECKOUT: Final = Path(__file__).parent.parent.parent
REVISIONS: Final = BUILD / "revisions"


class Revision(Tidewire):
    """`tidewire serve` of a commit, with the libraries that are installed now: only our own code differs."""

    def __init__(self, revision: str) -> None:
        """Name the commit as Git does. Raises :class:`NotInstalledError` if there is no such commit."""
        self.commit: Final = _git("rev-parse", "--verify", f"{revision}^{{commit}}").decode().strip()
        super().__init__(self.commit[:12], REVISIONS / self.commit)

    def prepare(self) -> None:
        """Build the package of that commit, its compiled parts included, once."""
        assert self.packages
        if self.packages.exists():
            return
        with tempfile.TemporaryDirectory() as directory:
            sources, built = Path(directory, "sources"), Path(directory, "built")
            with tempfile.TemporaryFile() as archive:
                archive.write(_git("archive", "--format=tar", self.commit))
                archive.seek(0)
                with tarfile.open(fileobj=archive) as tar:
                    tar.extractall(sources, filter="data")
            run_installer(
                [
                    *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
                    *("--no-deps", "--target", str(built), str(sources)),
                ]
            )
            REVISIONS.mkdir(parents=True, exist_ok=True)
            # Moved when it is whole: a build that was interrupted is begun again.
            subprocess.run(["cp", "-R", str(built), f"{self.packages}.part"], check=True)
            Path(f"{self.packages}.part").rename(self.packages)


def _git(*arguments: str) -> bytes:
    result = subprocess.run(["git", *arguments], cwd=CHECKOUT, capture_output=True, check=False)
    if result.returncode != 0:
        said = result.stderr.decode(errors="replace").strip()
        raise NotInstalledError(f"git {' '.join(arguments)}: {said}")
    return result.stdout
