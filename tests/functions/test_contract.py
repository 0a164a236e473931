"""What code that was written for the reference's runtimes may rely on: one list, for every shim."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import pytest

from tests.functions.support import Function
from tidewire.functions.contract import ERRORS_TRUNCATED, MAX_LOG_CHARACTERS, TRUNCATED, FunctionResponse
from tidewire.functions.engine import LocalEngine

NODE = "module.exports = async ({ req, res, log, error }) => {\n%s\n};"
PYTHON = "import json, os, sys, time\ndef main(context):\n    req, res = context.req, context.res\n%s"
NATIVE = "Native logs detected. Use context.log() or context.error() for better experience.\n"


@dataclass(frozen=True)
class Case:
    """The same in both languages."""

    node: str
    python: str
    status: int = 200
    body: bytes | None = None
    headers: dict[str, str] | None = None
    logs: str | None = None
    errors: str | None = None
    request: dict[str, Any] | None = None


TEXT = {"content-type": "text/plain; charset=utf-8"}
CASES = {
    "text": Case("return res.text('häh', 201)", "return res.text('häh', 201)", 201, "häh".encode(), TEXT),
    "send": Case("return res.send('x')", "return res.send('x')", 200, b"x", TEXT),
    "json": Case(
        "return res.json({a: [1, 'ä']})", "return res.json({'a': [1, 'ä']})",
        headers={"content-type": "application/json; charset=utf-8"},
    ),
    "binary": Case(
        "return res.binary(Buffer.from([0, 255, 10]))", "return res.binary(bytes([0, 255, 10]))", 200, b"\x00\xff\n"
    ),
    "empty": Case("return res.empty()", "return res.empty()", 204, b""),
    "redirect": Case(
        "return res.redirect('https://a.test/x')", "return res.redirect('https://a.test/x')", 301, b"",
        {"location": "https://a.test/x"},
    ),
    "redirect with status": Case("return res.redirect('/x', 308)", "return res.redirect('/x', 308)", 308),
    "headers of the answer": Case(
        "return res.text('', 200, {'X-Own': 'ü', 'x-open-runtimes-secret': '1', 'Content-Length': '99'})",
        "return res.text('', 200, {'X-Own': 'ü', 'x-open-runtimes-secret': '1', 'Content-Length': '99'})",
        headers={**TEXT, "x-own": "ü".encode("latin-1").decode("utf-8", "replace")},
    ),
    "multipart keeps its type": Case(
        "return res.text('', 200, {'content-type': 'multipart/form-data; boundary=AbC'})",
        "return res.text('', 200, {'content-type': 'multipart/form-data; boundary=AbC'})",
        headers={"content-type": "multipart/form-data; boundary=AbC"},
    ),
    "charset is kept": Case(
        "return res.text('', 200, {'content-type': 'text/css; charset=latin-1'})",
        "return res.text('', 200, {'content-type': 'text/css; charset=latin-1'})",
        headers={"content-type": "text/css; charset=latin-1"},
    ),
    "parts of the request": Case(
        "return res.json([req.method, req.scheme, req.host, req.port, req.path, req.queryString, req.query, req.url])",
        "    return res.json([req.method, req.scheme, req.host, req.port, req.path, req.query_string, req.query, req.url])",
        request={
            "method": "PATCH", "path": "/a/b%20c?x=1&y=a=b&z&=q",
            "headers": [("Host", "f.example.org:8443"), ("X-Forwarded-Proto", "https")],
        },
        body=json.dumps(
            ["PATCH", "https", "f.example.org", 8443, "/a/b%20c", "x=1&y=a=b&z&=q", {"x": "1", "y": "a=b", "z": ""},
             "https://f.example.org:8443/a/b%20c?x=1&y=a=b&z&=q"], separators=(",", ":"),
        ).encode(),
    ),
    "usual port": Case(
        "return res.json([req.port, req.url])", "return res.json([req.port, req.url])",
        request={"path": "/", "headers": [("host", "h.test")]}, body=b'[80,"http://h.test/"]',
    ),
    "headers of the request": Case(
        "return res.json(Object.keys(req.headers).sort())", "return res.json(sorted(req.headers))",
        request={"headers": [("X-One", "1"), ("x-open-runtimes-timeout", "9"), ("connection", "close")]},
        body=b'["content-length","host","x-one"]',
    ),
    "body as text": Case(
        "return res.text(req.bodyText + req.bodyRaw + req.body)", "return res.text(req.body_text + req.body_raw + req.body)",
        request={"body": "ä".encode(), "headers": [("content-type", "text/plain")]}, body="äää".encode(),
    ),
    "body as JSON": Case(
        "return res.text(`${req.body.a}${req.bodyJson.a}`)",
        "return res.text(str(req.body['a']) + str(req.body_json['a']))",
        request={"body": b'{"a": 3}', "headers": [("content-type", "application/json; charset=utf-8")]}, body=b"33",
    ),
    "no body as JSON": Case(
        "return res.json(req.body)", "return res.json(req.body)",
        request={"headers": [("content-type", "application/json")]}, body=b"{}",
    ),
    "body as bytes": Case(
        "return res.binary(req.bodyBinary)", "return res.binary(req.body_binary)",
        request={"body": bytes(range(256)) * 4000}, body=bytes(range(256)) * 4000,
    ),
    "logs": Case(
        "log('a', 1, {b: [2]}); log(null); error('e', 'f'); return res.empty()",
        "context.log('a', 1, {'b': [2]}); context.log('null'); context.error('e', 'f'); return res.empty()",
        204, logs='a 1 {"b":[2]}\nnull\n', errors="e f\n",
    ),
    "native logs": Case(
        "console.log('one', 2); console.error('three'); log('own'); process.stdout.write('4'); return res.empty()",
        "print('one', 2); print('three', file=sys.stderr); context.log('own'); sys.stdout.write('4'); return res.empty()",
        204, logs=f"{NATIVE}one 2\nthree\nown\n4\n", errors="",
    ),
    "a long log": Case(
        "log('x'.repeat(8001)); return res.empty()", "context.log('x' * 8001); return res.empty()", 204,
        logs="x" * 8000 + "... Log truncated due to size limit (8000 characters)\n",
    ),
    "no logs": Case(
        "log('a'); error('b'); console.log('c'); return res.empty()",
        "context.log('a'); context.error('b'); print('c'); return res.empty()",
        204, request={"logging": False}, logs="", errors="",
    ),
    "nothing returned": Case(
        "log('x')", "context.log('x')", 500, b"", logs="x\n",
        errors="Return statement missing. return context.res.empty() if no response is expected.\n",
    ),
    "an answer of its own making": Case(
        "return {body: 'x', statusCode: 418}", "return {'body': 'x', 'statusCode': 418}", 418, b"x", TEXT
    ),
    "an answer that cannot be sent": Case(
        "return res.text('x', 200, {'x-y': 'a\\r\\nb: c'})", "return res.text('x', 200, {'x-y': 'a\\r\\nb: c'})", 500, b""
    ),
    "the environment": Case(
        "return res.text(process.env.OWN)", "return res.text(os.environ['OWN'])", body=b" a\nb='\xc3\xa4 "
    ),
}  # fmt: skip


def source(runtime: str, case: Case) -> str:
    if runtime.startswith("node"):
        return NODE % case.node
    return PYTHON % "\n".join(f"    {line.strip()}" for line in case.python.splitlines())


@pytest.mark.parametrize("name", CASES)
async def test_a_function_is_called_and_answers(engine: LocalEngine, runtime: str, name: str) -> None:
    case = CASES[name]
    function = Function(engine, runtime, source(runtime, case), environment={"OWN": " a\nb='ä "})
    response = await function(**(case.request or {}))
    assert response.status == case.status, response
    assert case.body is None or response.body == case.body
    for header, value in (case.headers or {}).items():
        assert dict(response.headers)[header] == value
    assert not [header for header, _ in response.headers if header.startswith("x-open-runtimes-")]
    assert case.logs is None or response.logs == case.logs
    assert case.errors is None or response.errors == case.errors


def both(runtime: str, node: str, python: str) -> str:
    return node if runtime.startswith("node") else python


async def test_state_is_kept_between_executions(engine: LocalEngine, runtime: str) -> None:
    code = both(
        runtime,
        "let n = 0; module.exports = ({res}) => res.text(`${++n}`);",
        "n = 0\ndef main(context):\n    global n\n    n += 1\n    return context.res.text(str(n))",
    )
    function = Function(engine, runtime, code)
    answers = [await function() for _ in range(3)]
    assert [each.body for each in answers] == [b"1", b"2", b"3"]
    assert [each.cold_start for each in answers] == [True, False, False]
    assert function.fetched == 1


async def test_an_exception_is_answered_with_its_stack(engine: LocalEngine, runtime: str) -> None:
    code = both(
        runtime,
        "module.exports = async () => { throw new TypeError('own words'); };",
        "async def main(context):\n    raise TypeError('own words')",
    )
    response = await Function(engine, runtime, code)()
    assert (response.status, response.body) == (500, b"")
    assert "own words" in response.errors
    assert both(runtime, "index.js:1", "main.py") in response.errors


@pytest.mark.parametrize(
    ("node", "python", "words"),
    [
        ("syntax error(", "syntax error(", "SyntaxError"),
        ("require('absent-module')", "import absent_module", "absent"),
        (
            "module.exports = 5",
            "main = 5",
            "Function signature invalid. Did you forget to export a 'main' function?",
        ),
    ],
)
async def test_code_that_cannot_be_loaded(
    engine: LocalEngine, runtime: str, node: str, python: str, words: str
) -> None:
    response = await Function(engine, runtime, both(runtime, node, python))()
    assert response.status == 503
    assert words in response.errors


async def test_a_missing_entrypoint(engine: LocalEngine, runtime: str) -> None:
    function = Function(engine, runtime, {"other.txt": "x"}, entrypoint="src/gone.js")
    response = await function()
    assert response.status == 503
    assert response.errors == "Failed to load entrypoint, file src/gone.js does not exist.\n"


async def test_waiting_for_too_long_is_answered_by_the_shim(engine: LocalEngine, runtime: str) -> None:
    code = both(
        runtime,
        "module.exports = async ({log}) => { log('before'); await new Promise(() => {}); };",
        "import asyncio\nasync def main(context):\n    context.log('before')\n    await asyncio.sleep(60)",
    )
    function = Function(engine, runtime, code)
    response = await function(timeout=1.0)
    assert (response.status, response.logs, response.errors) == (500, "before\n", "Execution timed out.\n")
    assert engine.processes == 0 or not (await function(timeout=1.0)).cold_start


async def test_other_files_are_found(engine: LocalEngine, runtime: str) -> None:
    files = {
        "node": {
            "src/index.js": "const {x} = require('./lib/x'); const y = require('y');\n"
            "module.exports = ({res}) => res.text(x + y);",
            "src/lib/x.js": "exports.x = 'x';",
            "node_modules/y/index.js": "module.exports = 'y';",
        },
        "python": {
            "src/main.py": "from .lib.x import x\nimport y, top\ndef main(context):\n"
            "    return context.res.text(x + y.y)",
            "src/lib/x.py": "x = 'x'",
            "top.py": "",
            f"runtime-env/lib/python{runtime.split('-')[1]}/site-packages/y.py": "y = 'y'",
        },
    }[runtime.split("-")[0]]
    entrypoint = both(runtime, "src/index.js", "src/main.py")
    response = await Function(engine, runtime, files, entrypoint=entrypoint)()
    assert response.body == b"xy", response.errors


@pytest.mark.parametrize(
    "files",
    [
        {"index.mjs": "export default async ({res}) => res.text('esm');"},
        {"index.js": "export default ({res}) => res.text('esm');", "package.json": '{"type": "module"}'},
        {
            "index.js": "await 0; export default ({res}) => res.text('esm');",
            "package.json": '{"type": "module"}',
        },
        {"index.cjs": "exports.default = ({res}) => res.text('esm');"},
        {"index.js": "exports.__esModule = true; exports.default = ({res}) => res.text('esm');"},
    ],
)
async def test_kinds_of_modules_in_node(machine: Any, engine: LocalEngine, files: dict[str, str]) -> None:
    response = await Function(engine, machine.runtime("node"), files, entrypoint=next(iter(files)))()
    assert response.body == b"esm", response.errors


async def test_executions_at_once_keep_their_logs_apart(engine: LocalEngine, runtime: str) -> None:
    code = both(
        runtime,
        "module.exports = async ({req, res, log}) => { log(req.path); console.log('n' + req.path);\n"
        "await new Promise((done) => setTimeout(done, 20)); console.log('m' + req.path); return res.text(req.path); };",
        "import asyncio\nasync def main(context):\n    path = context.req.path\n    context.log(path)\n    print('n' + path)\n"
        "    await asyncio.sleep(0.02)\n    print('m' + path)\n    return context.res.text(path)",
    )
    function = Function(engine, runtime, code)
    answers = await asyncio.gather(*(function(f"/{number}") for number in range(6)))
    for number, answer in enumerate(answers):
        path = f"/{number}"
        assert answer.body == path.encode()
        assert answer.logs == f"{path}\n{NATIVE}n{path}\nm{path}\n"


async def test_the_end_of_long_logs_is_kept(engine: LocalEngine, runtime: str) -> None:
    code = both(
        runtime,
        "module.exports = ({res, log, error}) => { for (let i = 0; i < 300; i++) { log(String(i).repeat(2000));"
        "error(String(i).repeat(2000)); } return res.empty(); };",
        "def main(context):\n    for i in range(300):\n        context.log(str(i) * 2000)\n"
        "        context.error(str(i) * 2000)\n    return context.res.empty()",
    )
    response = await Function(engine, runtime, code)()
    assert isinstance(response, FunctionResponse)
    for written, warning in ((response.logs, TRUNCATED), (response.errors, ERRORS_TRUNCATED)):
        assert written.startswith(warning)
        assert len(written) == MAX_LOG_CHARACTERS
        assert written.endswith("299\n")
