"""The machine: which cores do what, how many files may be open, and what to call it in a report."""

from __future__ import annotations

import os
import platform
import resource
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Final

NEEDED_FILES: Final = 17_000
"""Open files of a process with 15,000 connections."""
SAMPLE_SECONDS: Final = 0.05
"""Between two looks at memory."""

VERSIONS: Final = ("tidewire", "uvicorn", "uvloop", "websockets", "httptools", "msgspec", "SQLAlchemy")


class UnfitMachineError(Exception):
    """This machine cannot run the benchmarks; the text says what is missing."""


def choose_cores() -> tuple[int, int]:
    """Cores for the server and for the clients: the first and the last that this process may use."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise UnfitMachineError("the benchmarks need two cores: one for the server, one for the clients")
    return cores[0], cores[-1]


def raise_file_limit() -> None:
    """Let this process and its children open as many files as the benchmarks need."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < NEEDED_FILES:
        raise UnfitMachineError(
            f"{NEEDED_FILES} open files are needed, the hard limit is {hard} (ulimit -Hn)"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def resident_bytes(process: int) -> int:
    """Resident memory (VmRSS) of a process, in bytes."""
    for line in Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise ProcessLookupError(process)


@contextmanager
def watched_memory(process: int) -> Iterator[list[int]]:
    """The resident memory of a process, in bytes, many times a second; the first before anything else."""
    samples = [resident_bytes(process)]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(SAMPLE_SECONDS):
            samples.append(resident_bytes(process))

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield samples
    finally:
        done.set()
        watching.join()


def describe_machine() -> dict[str, str]:
    """What a reader needs to know to judge the absolute numbers."""
    return {
        "Processor": _processor(),
        "Cores": f"{os.cpu_count()}, one for the server, another for the clients",
        "Memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "Kernel": f"{platform.system()} {platform.release()}",
        "Compiler": subprocess.run(
            ["cc", "--version"], capture_output=True, text=True, check=True
        ).stdout.splitlines()[0],
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "SQLite": sqlite3.sqlite_version,
        "Packages": ", ".join(f"{name} {version(name)}" for name in VERSIONS),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
