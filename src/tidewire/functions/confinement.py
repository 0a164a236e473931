"""The command lines that keep a program apart: what it sees, and what it may use."""

from __future__ import annotations

import itertools
import math
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tidewire.functions.contract import Isolation
from tidewire.functions.specifications import Specification

_LAUNCH: Final = """
ulimit -c 0 && ulimit -n 4096 && ulimit -u "$1" && ulimit -d "$2" && ulimit -f "$3" || exit 125
mapfile -d '' -t pairs <&"$4" || exit 125
eval "exec $4<&-"
cd "$5" || exit 125
shift 5
unset OLDPWD SHLVL
for pair in "${pairs[@]}"; do export "$pair"; done
exec "$@"
"""
"""Bounds itself and takes its environment from a file in memory: what people set reaches no program that
still has rights, and no list of processes."""

_NAMESPACES: Final = """
set -e
root=$1; tmp=$2; uid=$3; shift 3
ip link set lo up 2>/dev/null || :  # of the namespace; where the network is shared it is up
mount -t tmpfs -o size=4m,mode=755 tmpfs "$root"
while [ "$1" != -- ]; do
    kind=$1; source=$2; target=$root$3; shift 3
    mkdir -p "${target%/*}"
    case $kind in
        link) ln -s "$source" "$target";;
        tmpfs) mkdir -p "$target"; mount -t tmpfs -o "size=$source,mode=1777,nosuid,nodev" tmpfs "$target";;
        *)
            if [ -d "$source" ]; then mkdir -p "$target"; elif [ ! -e "$target" ]; then : > "$target"; fi
            mount --rbind "$source" "$target"
            [ $kind = rw ] || mount -o remount,bind,ro "$target" 2>/dev/null ||
                mount -o remount,bind,ro,nosuid,nodev "$target" 2>/dev/null ||
                mount -o remount,bind,ro,nosuid,nodev,noatime "$target" 2>/dev/null ||
                mount -o remount,bind,ro,nosuid,nodev,relatime "$target";;
    esac
done
shift
mkdir -p "$root/proc" "$root/dev" "$root/.old"
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
for device in null zero full random urandom; do
    : > "$root/dev/$device"; mount --bind "/dev/$device" "$root/dev/$device"
done
ln -s /proc/self/fd "$root/dev/fd"
mkdir "$root/dev/shm"; mount -t tmpfs -o "size=$tmp,mode=1777" tmpfs "$root/dev/shm"
cd "$root"; pivot_root . .old; umount -l /.old; rmdir /.old
mount -o remount,bind,ro /
exec setpriv $uid --no-new-privs --inh-caps=-all --bounding-set=-all -- "$@"
"""

_SYSTEM_LINKS: Final = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_SYSTEM_FILES: Final = (
    "/etc/alternatives", "/etc/ca-certificates", "/etc/crypto-policies", "/etc/gai.conf", "/etc/group",
    "/etc/hosts", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime",
    "/etc/mime.types", "/etc/nsswitch.conf", "/etc/passwd", "/etc/pki", "/etc/protocols",
    "/etc/resolv.conf", "/etc/services", "/etc/ssl", "/etc/timezone",
)  # fmt: skip
_HIDDEN: Final = ("/usr/local/etc", "/usr/etc", "/usr/local/src", "/usr/src")
"""Where settings and secrets of other programs may lie."""
_MADE: Final = ("usr", "dev", *(path[1:] for path in _SYSTEM_LINKS))
"""Folders of the root whose own folders are there."""
_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BASE_MEMORY: Final = 64
"""Megabytes that a language takes for itself."""
PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Place:
    """A file or folder that a program sees."""

    source: Path
    """Where it lies on this machine."""
    target: str
    """Where the program sees it, if it has a file tree of its own."""
    writable: bool = False


@dataclass(frozen=True)
class Cell:
    """What a program sees and may use."""

    places: Sequence[Place]
    folder: Path
    """The folder in which it starts, by its path among the sources of the places."""
    specification: Specification
    tasks: int
    """Processes and threads."""
    temporary_bytes: int
    """The most bytes in ``/tmp``, and as many in ``/dev/shm``, unless a place is there."""
    file_bytes: int
    """The most bytes of each file that it writes."""
    network: bool = True


def confined_command(
    isolation: Isolation, command: list[str], cell: Cell, hidden: Sequence[str], user: int | None, root: Path
) -> list[str]:
    """The command line that runs a command in a cell.

    ``user``: whom it becomes, if root starts it. ``root``: a folder of its own, which may be made.
    """
    identity = ["--reuid", str(user), "--regid", str(user), "--clear-groups"] if user is not None else []
    affinity = _affinity(cell.specification)
    if isolation == "limits":
        die = ["setpriv", "--pdeathsig", "KILL", *identity, "--no-new-privs", "--inh-caps=-all", "--"]
        return [*affinity, *die, *command]
    if isolation == "namespaces":
        root.mkdir()
        own = ["--mount", "--pid", "--fork", "--kill-child=KILL", "--ipc", "--uts"]
        own += [] if user is not None else ["--user", "--map-root-user"]
        own += [] if cell.network else ["--net"]
        places = [word for step in _tree(cell, hidden) for word in step]
        script = [
            "bash",
            "-c",
            _NAMESPACES,
            "sandbox",
            str(root),
            str(cell.temporary_bytes),
            " ".join(identity),
        ]
        die = ["setpriv", "--pdeathsig", "KILL", "--"]
        return [*affinity, *die, "unshare", *own, "--", *script, *places, "--", *command]
    arguments = ["bwrap", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    arguments += ["--die-with-parent", "--new-session", "--cap-drop", "ALL", "--hostname", "function"]
    arguments += [] if cell.network else ["--unshare-net"]
    arguments += (
        ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"] if user is not None else ["--unshare-user"]
    )
    arguments += ["--proc", "/proc", "--dev", "/dev"]
    flags = {"ro": "--ro-bind", "rw": "--bind", "link": "--symlink"}
    made = {"/tmp"}  # noqa: S108 - inside
    for kind, source, target in [*_tree(cell, hidden), ("tmpfs", str(cell.temporary_bytes), "/dev/shm")]:  # noqa: S108
        for parent in reversed(Path(target).parents[:-1]):
            if parent.parts[1] not in _MADE and str(parent) not in made:  # else only root may enter
                made.add(str(parent))
                arguments += ["--perms", "0755", "--dir", str(parent)]
        if kind == "tmpfs":
            arguments += ["--perms", "1777", "--size", source, "--tmpfs", target]
        else:
            arguments += [flags[kind], source, target]
    arguments += ["--remount-ro", "/dev", "--remount-ro", "/"]
    drop = ["setpriv", *identity, "--inh-caps=-all", "--"] if user is not None else []
    return [*affinity, *arguments, "--", *drop, *command]


def bounded_command(command: Sequence[str], cell: Cell, memory_file: int, folder: str) -> list[str]:
    """A command that bounds itself, and takes its environment from ``memory_file``, before it runs."""
    memory = (cell.specification.memory + _BASE_MEMORY) * 1024
    bounds = [str(cell.tasks), str(memory), str(math.ceil(cell.file_bytes / 1024)), str(memory_file), folder]
    return ["bash", "--norc", "--noprofile", "-c", _LAUNCH, "launch", *bounds, *command]


_next_processor = itertools.count()


def _affinity(specification: Specification) -> list[str]:
    """Return what binds a program to as many processors as it may use; the next program gets others."""
    available = sorted(os.sched_getaffinity(0))
    wanted = math.ceil(specification.cpus)
    if wanted >= len(available) or shutil.which("taskset", path=PATH) is None:
        return []
    first = next(_next_processor)
    chosen = {available[(first + index) % len(available)] for index in range(wanted)}
    return ["taskset", "--cpu-list", ",".join(map(str, sorted(chosen)))]


def encoded_environment(environment: Mapping[str, str]) -> bytes:
    """The variables, each ended by a zero byte; without those whose names no shell can hold."""
    pairs = (f"{name}={value}" for name, value in environment.items() if _IDENTIFIER.fullmatch(name))
    return b"".join(f"{pair}\0".encode("utf-8", "surrogateescape") for pair in pairs if "\0" not in pair)


def search_path(program: Path) -> dict[str, str]:
    """``PATH`` with the folder of a program before those of the system."""
    return {"PATH": f"{program.parent}:{PATH}"}


def _tree(cell: Cell, hidden: Sequence[str]) -> list[tuple[str, str, str]]:
    """The file tree, as steps of kind, source and target."""
    steps = [("ro", "/usr", "/usr")]
    for path in _SYSTEM_LINKS:
        if Path(path).is_symlink():
            steps.append(("link", str(Path(path).readlink()), path))
        elif Path(path).is_dir():
            steps.append(("ro", path, path))
    steps += [("ro", str(Path(path).resolve()), path) for path in _SYSTEM_FILES if Path(path).exists()]
    if not any(place.target == "/tmp" for place in cell.places):  # noqa: S108 - inside
        steps.append(("tmpfs", str(cell.temporary_bytes), "/tmp"))  # noqa: S108
    shown = ["/usr"]
    late = []
    for place in cell.places:
        if place.source == Path(place.target) and not place.writable:
            shown.append(place.target)
            steps.append(("ro", str(place.source), place.target))
        else:
            late.append(("rw" if place.writable else "ro", str(place.source), place.target))
    unseen = [*(path for path in _HIDDEN if Path(path).is_dir()), *hidden]
    steps += [
        ("tmpfs", "4096", path) for path in unseen if any(Path(path).is_relative_to(each) for each in shown)
    ]
    return steps + late
