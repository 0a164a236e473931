"""The cell that the browser runs in: the system's programs and fonts, a folder in memory, and nothing else.

It has no network but the loopback of its own, no files and processes of this machine, and no environment of
the server; what gets out of the browser itself is still in there. Chromium's own sandbox works inside.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tidewire.screenshots import forwarder

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
_LINKS: Final = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_SEEN: Final = (
    "/etc/alternatives", "/etc/ca-certificates", "/etc/chromium", "/etc/chromium.d", "/etc/fonts",
    "/etc/ld.so.cache", "/etc/localtime", "/etc/pki", "/etc/ssl", "/opt/google",
)  # fmt: skip
_SOCKET: Final = "/proxy.sock"
_FORWARDER: Final = "/forwarder.py"
_USER: Final = "1000"


def missing(browser: str) -> str:
    """What is missing on this machine for screenshots; empty: nothing."""
    if not found_browser(browser):
        return f"the browser {browser!r}" if browser else "Chromium"
    return "" if shutil.which("bwrap") else "bubblewrap"


def found_browser(browser: str) -> str:
    """The path of the browser that is set, or else of the first that is found; empty if there is none."""
    return next((path for name in ([browser] if browser else BROWSERS) if (path := shutil.which(name))), "")


def cell_command(browser: str, socket: Path, arguments: Sequence[str], memory_bytes: int) -> list[str]:
    """The command line of a browser in its cell, whose proxy listens at ``socket``."""
    command = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    command += ["--uid", _USER, "--gid", _USER, "--hostname", "browser", "--clearenv"]
    command += ["--setenv", "PATH", "/usr/local/bin:/usr/bin:/bin", "--setenv", "HOME", "/tmp"]  # noqa: S108
    command += ["--setenv", "LC_ALL", "C.UTF-8", "--ro-bind", "/usr", "/usr"]
    for name in _LINKS:
        path = Path("/", name)
        if path.is_symlink():
            command += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            command += ["--ro-bind", str(path), str(path)]
    for seen in (*_SEEN, *_python()):
        command += ["--ro-bind-try", seen, seen]
    command += ["--proc", "/proc", "--dev", "/dev"]
    command += ["--size", str(memory_bytes // 4), "--tmpfs", "/dev/shm"]  # noqa: S108
    command += ["--size", str(memory_bytes // 4), "--tmpfs", "/tmp"]  # noqa: S108
    command += ["--ro-bind", str(socket), _SOCKET, "--ro-bind", forwarder.__file__, _FORWARDER]
    interpreter = getattr(sys, "_base_executable", sys.executable)
    command += ["--", interpreter, "-I", "-S", _FORWARDER, _SOCKET]
    return [*command, found_browser(browser), *_FLAGS, *arguments]


_FLAGS: Final = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--user-data-dir=/tmp/profile",
    f"--proxy-server=http://127.0.0.1:{forwarder.PORT}",
    "--proxy-bypass-list=<-loopback>",  # not even this is called past the proxy
    "--disable-quic",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-extensions",
    "--disable-gpu",
    "--disable-sync",
    "--disable-breakpad",
    "--hide-scrollbars",
    "--metrics-recording-only",
    "--mute-audio",
    "--no-pings",
    "--password-store=basic",
)


def _python() -> tuple[str, ...]:
    """Where the interpreter is, if not where the system's programs are."""
    prefix = sys.base_prefix
    return () if prefix == "/usr" or prefix.startswith("/usr/") else (prefix,)
