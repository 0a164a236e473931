#!/usr/bin/env bash
# uvicorn takes a coroutine function for ASGI 3 and the same function as a method of an object for ASGI 2.
#
# uvicorn finds out by itself which version of ASGI an application speaks (interface="auto"). A good guess says that
# whatever is called with (scope, receive, send) and gives a coroutine is ASGI 3. A function is, and so is an object
# with a coroutine function __call__. A bound method, `Site().answer`, is not: inspect.isfunction() is false for it,
# and its own __call__ is no coroutine function, so it is called with the scope alone. The server starts without a
# word, and each request is answered 500 with "missing 2 required positional arguments". interface="asgi3" helps.
#
# Needs uvicorn 0.54.0 of PyPI. Seen on 2026-11-30 with CPython 3.11.7.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check 'uvicorn==0.54.0' 2>/dev/null
cat >ask.py <<'PY'
import uvicorn


async def function(scope, receive, send):
    raise NotImplementedError


class Site:
    async def answer(self, scope, receive, send):
        raise NotImplementedError

    async def __call__(self, scope, receive, send):
        raise NotImplementedError


def lent(scope, receive, send):
    """A plain function that gives a coroutine."""
    return function(scope, receive, send)


for name, application in (
    ("function", function),
    ("object", Site()),
    ("bound method", Site().answer),
    ("function that gives a coroutine", lent),
):
    config = uvicorn.Config(application, log_level="critical")
    config.load()
    print(f"{name}: {config.interface}")
PY
env/bin/python ask.py | tee out
diff out - <<'OUT'
function: asgi3
object: asgi3
bound method: asgi2
function that gives a coroutine: asgi2
OUT
