#!/usr/bin/env bash
# Server-Sent Events read by sseclient-py on requests: the newest event is withheld unless the answer is chunked.
#
# A server that ends its stream with the connection (no Transfer-Encoding, no Content-Length) is right by
# RFC 9112, section 6.3, and browsers read it event by event. A good guess says that every client does.
# `requests` iterates an answer in pieces of 128 bytes, and urllib3 fills each piece before it hands it on: an
# event of a stream that is not chunked is only seen once 128 bytes have arrived, that is with one of the next
# events, and the last one never. With chunked coding the same urllib3 hands on each chunk as it comes.
#
# Seen with sseclient-py 1.9.0, requests 2.34.2, urllib3 2.8.0, Python 3.11, on 2026-11-29.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check sseclient-py==1.9.0 requests==2.34.2 urllib3==2.8.0
cat >"$folder/try.py" <<'PY'
import queue, socket, threading
import requests, sseclient

def serve(chunked, said, received):
    """Send three events of 40 bytes, each only after the one before was looked for; then wait."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        said.put(listener.getsockname()[1])
        peer, _ = listener.accept()
        with peer:
            peer.recv(65536)
            coding = b"Transfer-Encoding: chunked\r\n" if chunked else b"Connection: close\r\n"
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" + coding + b"\r\n")
            for number in range(3):
                event = f"id: {number}\ndata: {number:027}\n\n".encode()
                peer.sendall(b"%x\r\n%b\r\n" % (len(event), event) if chunked else event)
                try:
                    said.put(received.get(timeout=3))
                except queue.Empty:
                    said.put(f"event {number}: not handed on within 3 s")

def read(port, received):
    try:
        with requests.get(f"http://127.0.0.1:{port}/", stream=True, timeout=30) as answer:
            for event in sseclient.SSEClient(answer).events():
                received.put(f"event {event.id}: handed on at once")
    except requests.RequestException:
        pass  # the server has gone

for chunked in (False, True):
    said, received = queue.Queue(), queue.Queue()
    threading.Thread(target=serve, args=(chunked, said, received), daemon=True).start()
    threading.Thread(target=read, args=(said.get(), received), daemon=True).start()
    print("chunked" if chunked else "ended by the connection")
    for _ in range(3):
        print("  " + said.get())
PY
"$folder/venv/bin/python" "$folder/try.py" | tee "$folder/out"
diff "$folder/out" - <<'OUT'
ended by the connection
  event 0: not handed on within 3 s
  event 1: not handed on within 3 s
  event 2: not handed on within 3 s
chunked
  event 0: handed on at once
  event 1: handed on at once
  event 2: handed on at once
OUT
