"""nchan: publish and subscribe as a module of nginx (C). It sends what was posted, and knows no receivers."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.native import BUILD, Endpoint, LoadGenerator, pinned
from benchmarks.payload import event_text
from benchmarks.peers import START_SECONDS, Running, ServerFailedError, free_port, stop, wait_for_port
from benchmarks.peers.install import NotInstalledError
from benchmarks.rest_client import http_request

MODULE: Final = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
CONFIGURATION: Final = """\
load_module {module};
daemon off;
worker_processes 1;
worker_rlimit_nofile 30000;
pid {directory}/nginx.pid;
error_log {directory}/error.log warn;
events {{ worker_connections 20000; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location = /publish {{
      nchan_publisher http;
      nchan_channel_id bench;
      nchan_message_buffer_length 0;
      nchan_deflate_message_for_websocket on;
      client_body_buffer_size 64k;
    }}
    location ~ ^/subscribe/(.+)$ {{
      nchan_subscriber websocket;
      nchan_channel_id $1;
      nchan_channel_id_split_delimiter ",";
      nchan_subscriber_first_message newest;
    }}
  }}
}}
"""


class Nchan:
    """One worker of nginx that keeps no messages for those who come later."""

    name = "nchan"

    def prepare(self) -> None:
        """Look for it: a package of the system that only root can install."""
        _program()

    @contextmanager
    def start(self, core: int, load: LoadGenerator) -> Iterator[Running]:
        """Start it; it takes no set-up."""
        with tempfile.TemporaryDirectory(prefix="data-", dir=BUILD) as directory:
            port = free_port()
            configuration = Path(directory, "nginx.conf")
            text = CONFIGURATION.format(module=MODULE, directory=directory, port=port)
            configuration.write_text(text, encoding="utf-8")
            command = [*pinned(core), _program(), "-p", directory, "-c", str(configuration)]
            # Before it reads the configuration it complains about a log file that it does not use.
            with subprocess.Popen(command, stderr=subprocess.DEVNULL, text=True) as process:
                try:
                    wait_for_port(port, process)
                    yield Running(
                        _worker(process.pid),
                        Endpoint(port, "/subscribe/bench", protocol="plain", shared=True),
                        Endpoint(port, f"/subscribe/{_ten_channels()}", protocol="plain", shared=True),
                        {"event": http_request("POST", "/publish", {}, event_text().encode())},
                        compresses=True,
                    )
                finally:
                    stop(process)


def _program() -> str:
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if program is None or not MODULE.exists():
        raise NotInstalledError("install it, as root, with: apt-get install nginx libnginx-mod-nchan")
    return program


def _ten_channels() -> str:
    return ",".join(f"bench{number}" for number in range(10))


def _worker(master: int) -> int:
    """The process that holds the connections. The port is open before it exists."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        children = Path(f"/proc/{master}/task/{master}/children").read_text(encoding="ascii").split()
        for child in children:
            if b"worker" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
        time.sleep(0.05)
    raise ServerFailedError("nginx has no worker process")
