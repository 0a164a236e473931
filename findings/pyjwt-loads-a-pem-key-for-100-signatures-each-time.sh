#!/usr/bin/env bash
# PyJWT given an RSA key as PEM spends nearly all of a signature on loading the key, and holds the interpreter.
#
# Push services and OAuth2 hand out service accounts whose key is PEM text, and every example passes that text to
# jwt.encode. A good guess says that a signature costs a signature, and that OpenSSL computes while other threads
# run, so that a thread keeps an event loop free. The text is loaded anew by each call, and cryptography then sees
# whether the key is sound, by tests of its primes: a hundred signatures' worth of time for 2,048 bits, a quarter of
# a second or more for 4,096. All of it happens with the interpreter held: in another thread it stops everybody just
# the same. Loading the key once and passing the object leaves the signature alone; who loads keys that others
# bring needs a process for it.
#
# Seen with PyJWT 2.15.1, cryptography 50.0.2, Python 3.11, on 2026-12-01.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check PyJWT==2.15.1 cryptography==50.0.2
cat >"$folder/sign.py" <<'PY'
"""Sign with a key as text and with the same key loaded, and count what another thread gets done meanwhile."""
import threading
import time

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

KEY = rsa.generate_private_key(65537, 3072)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
CLAIMS = {"iss": "somebody", "iat": 1_700_000_000}


def seconds(key, times):
    found = []
    for _ in range(times):
        began = time.thread_time()
        jwt.encode(CLAIMS, key, algorithm="RS256")
        found.append(time.thread_time() - began)
    return min(found)


def turns_meanwhile(work):
    """Turns that this thread has while another one works; a turn waits half a millisecond."""
    ended = threading.Event()

    def run():
        work()
        ended.set()

    thread = threading.Thread(target=run)
    thread.start()
    turns = 0
    while not ended.is_set():
        time.sleep(0.0005)
        turns += 1
    thread.join()
    return turns


text, loaded = seconds(PEM, 5), seconds(KEY, 30)
print(f"with the text at least 20 times as long as with the loaded key: {text > 20 * loaded}")
turns = turns_meanwhile(lambda: jwt.encode(CLAIMS, PEM, algorithm="RS256"))
possible = text / 0.0005
print(f"another thread had less than a tenth of its turns meanwhile: {turns < possible / 10}")
print(f"a signature by text then: {text * 1000:.0f} ms; by the loaded key: {loaded * 1000:.1f} ms; turns: {turns}")
PY
"$folder/venv/bin/python" "$folder/sign.py" | tee "$folder/out"
diff <(head -n 2 "$folder/out") - <<'OUT'
with the text at least 20 times as long as with the loaded key: True
another thread had less than a tenth of its turns meanwhile: True
OUT
