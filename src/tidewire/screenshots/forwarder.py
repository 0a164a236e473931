"""Runs in the browser's cell, without the rest of this package: starts it, and leads its requests out.

``python forwarder.py SOCKET COMMAND...`` takes connections on :data:`PORT`, the one address that the browser
knows, to the socket of the proxy. The browser is controlled over standard input and output.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from contextlib import suppress

PORT = 3128


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def _lead(client: socket.socket, path: str) -> None:
    with client, socket.socket(socket.AF_UNIX) as out, suppress(OSError):
        out.connect(path)
        back = threading.Thread(target=_pump, args=(out, client), daemon=True)
        back.start()
        _pump(client, out)
        back.join()


def _accept(listener: socket.socket, path: str) -> None:
    while True:
        client, _ = listener.accept()
        threading.Thread(target=_lead, args=(client, path), daemon=True).start()


def main() -> int:
    """Run the browser until it ends."""
    path, *command = sys.argv[1:]
    os.dup2(0, 3)  # where a browser that is controlled by pipes looks for them
    os.dup2(1, 4)
    os.closerange(0, 2)
    for number in (0, 1):
        os.open(os.devnull, os.O_RDWR)
        os.set_inheritable(number, True)
    listener = socket.create_server(("127.0.0.1", PORT))
    threading.Thread(target=_accept, args=(listener, path), daemon=True).start()
    return subprocess.run(command, pass_fds=(3, 4), check=False).returncode  # noqa: S603 - of the server


if __name__ == "__main__":
    sys.exit(main())
