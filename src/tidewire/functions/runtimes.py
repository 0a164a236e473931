"""The languages, and in which versions this machine has them.

A further language is an entry in :data:`LANGUAGES` and a folder in ``shims`` with a server in it.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tidewire.functions.contract import Runtime
from tidewire.functions.specifications import Specification

SHIMS: Final = Path(__file__).parent / "shims"


@dataclass(frozen=True)
class Language:
    """What is to be known of a language."""

    key: str
    """Begins the keys of its runtimes."""
    name: str
    programs: re.Pattern[str]
    """Names of its programs in folders such as those of ``PATH``."""
    question: tuple[str, ...]
    """Arguments with which the program writes its release, its own path and the folder that it needs, a
    line each."""
    server: str
    """The shim's server, in the folder of ``shims`` that is named like the key."""
    extension: str
    """The extension of files with code."""
    parts: int
    """How many parts of the release make the version: one in ``22``, two in ``3.12``."""
    options: tuple[str, ...] = ()
    """Between the program and the server; ``{heap}`` is three quarters of the memory in megabytes."""
    preparation: str = ""
    """Bash before the commands of a build; ``{program}`` is the runtime's."""
    environment: dict[str, str] = field(default_factory=dict)
    """The environment variables of builds and runs, unless people say otherwise."""


_PYTHON_PREPARATION: Final = """
"{program}" -m venv --without-pip runtime-env
. runtime-env/bin/activate
if pip=$("{program}" -c 'import pip; print(pip.__path__[0])' 2>/dev/null); then
    # The pip that is there, lent to the environment: to install one takes seconds and megabytes.
    mkdir "$TMPDIR/.tools"; ln -s "$pip" "$TMPDIR/.tools/pip"
    for packages in runtime-env/lib/python*/site-packages; do
        echo "$TMPDIR/.tools" > "$packages/_tools.pth"
    done
    printf '#!/bin/sh\\nexec python -m pip "$@"\\n' > runtime-env/bin/pip
    cp runtime-env/bin/pip runtime-env/bin/pip3; chmod +x runtime-env/bin/pip runtime-env/bin/pip3
else
    python -m ensurepip --default-pip
fi
"""

LANGUAGES: Final = (
    Language(
        key="node",
        name="Node.js",
        programs=re.compile(r"node(js)?(-?\d+)?"),
        question=("-p", "[process.versions.node, process.execPath, process.execPath].join('\\n')"),
        server="server.js",
        extension=".js",
        parts=1,
        options=("--max-old-space-size={heap}",),
        environment={"npm_config_update_notifier": "false", "npm_config_fund": "false"},
    ),
    Language(
        key="python",
        name="Python",
        programs=re.compile(r"python3(\.\d+)?"),
        question=(
            "-I",
            "-c",
            (
                "import platform, sys; program = getattr(sys, '_base_executable', sys.executable); "
                "print(platform.python_version(), program, sys.base_prefix, sep='\\n')"
            ),
        ),
        server="server.py",
        extension=".py",
        parts=2,
        preparation=_PYTHON_PREPARATION,
        environment={"PYTHONUNBUFFERED": "1", "PIP_NO_CACHE_DIR": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    ),
)


_NAMES: Final = {language.key: language.name for language in LANGUAGES}


def language_name(runtime: str) -> str:
    """The language of a runtime for people, by its key: ``Node.js`` for ``node-22``."""
    key = runtime.rpartition("-")[0]
    return _NAMES.get(key, key)


@dataclass(frozen=True)
class Installed:
    """A runtime with what it takes to run it."""

    runtime: Runtime
    language: Language
    program: Path
    needed: tuple[Path, ...]
    """Files and folders outside ``/usr`` that it cannot do without."""

    @property
    def shim(self) -> Path:
        """The folder with its server."""
        return SHIMS / self.language.key

    def command(self, shim: str, specification: Specification, arguments: Iterable[str]) -> list[str]:
        """Starts the shim's server, which lies in the folder ``shim`` as the program sees it."""
        options = [each.format(heap=specification.memory * 3 // 4) for each in self.language.options]
        return [str(self.program), *options, f"{shim}/{self.language.server}", *arguments]


async def find_runtimes(
    folders: Sequence[str], path: str = os.environ.get("PATH", "")
) -> dict[str, Installed]:
    """All runtimes in ``folders`` and on ``path``, by key. Each program is asked what it really is.

    Of several of one version the first counts: folders before the path, and in their order.
    """
    programs = await asyncio.to_thread(_executables, [*folders, *path.split(os.pathsep)])
    asked = await asyncio.gather(*(_ask(program, language) for program, language in programs))
    found: dict[str, Installed] = {}
    for installed in asked:
        if installed is not None:
            found.setdefault(installed.runtime.key, installed)
    return dict(sorted(found.items(), key=lambda item: _order(item[1].runtime)))


def _executables(folders: Sequence[str]) -> list[tuple[Path, Language]]:
    """Programs that may be runtimes, each once. Blocks."""
    programs: dict[str, tuple[Path, Language]] = {}
    """By the file that it really is: /bin is often /usr/bin, and nodejs is node."""
    for folder in folders:
        try:
            names = sorted(os.listdir(folder)) if folder else []  # noqa: PTH208 - the names alone
        except OSError:
            continue
        for name in names:
            for language in LANGUAGES:
                program = Path(folder, name)
                if language.programs.fullmatch(name) and os.access(program, os.X_OK):
                    programs.setdefault(os.path.realpath(program), (program, language))
    return list(programs.values())


async def _ask(program: Path, language: Language) -> Installed | None:
    try:
        process = await asyncio.create_subprocess_exec(
            program,
            *language.question,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        return None
    try:
        async with asyncio.timeout(10):
            output, _ = await process.communicate()
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return None if process.returncode else _understood(output.decode(errors="replace").splitlines(), language)


def _understood(lines: list[str], language: Language) -> Installed | None:
    if len(lines) != 3 or not re.fullmatch(r"\d+(\.\d+)+\S*", lines[0]):
        return None
    release, executable, needed = lines
    real = Path(executable).resolve()
    version = ".".join(release.split(".")[: language.parts])
    runtime = Runtime(f"{language.key}-{version}", language.key, language.name, version, release)
    # A file that lies in a needed folder comes with it.
    found = {path for path in (real, Path(needed).resolve()) if not path.is_relative_to("/usr")}
    alone = [path for path in found if not any(path != each and path.is_relative_to(each) for each in found)]
    return Installed(runtime, language, real, tuple(alone))


def _order(runtime: Runtime) -> tuple[str, tuple[int, ...]]:
    return runtime.language, tuple(map(int, runtime.version.split(".")))
