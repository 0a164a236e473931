"""What clients can make the server hold: bodies that do not end, answers that nobody reads."""

from __future__ import annotations

import asyncio
import itertools
import json
import resource
import select
import socket
import time
import urllib.parse
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.api.test_wire import statuses
from tests.support.server import PROGRAM, TidewireServer
from tidewire.core.errors import TidewireError
from tidewire.services.large_results import HeldResults, LargeResults
from tidewire.store.engine.reading import Share, present_share

MEGABYTE = 2**20
HEAD = (
    b"POST /v1/account HTTP/1.1\r\nHost: x\r\nX-Appwrite-Project: default\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TidewireServer]:
    """A server that holds little."""
    server = TidewireServer(
        tmp_path_factory.mktemp("small") / "data", ["--drain-seconds", "0.2"], program=PROGRAM
    )
    server.environment |= {
        "TIDEWIRE_BODY_BUFFER_BYTES": str(12 * MEGABYTE),
        "TIDEWIRE_BODY_BUFFER_BYTES_PER_ADDRESS": str(12 * MEGABYTE),
        "TIDEWIRE_BODY_BUFFER_BYTES_PER_PROJECT": str(12 * MEGABYTE),
        "TIDEWIRE_BODY_WAIT_SECONDS": "5",
        "TIDEWIRE_UNREAD_ANSWER_BYTES": str(4 * MEGABYTE),
    }
    server.start()
    yield server
    assert server.stop() == 0


def connect(server: TidewireServer, stack: ExitStack, receive_buffer: int = 0) -> socket.socket:
    connection = stack.enter_context(socket.socket())
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.settimeout(60)
    connection.connect(("127.0.0.1", server.port))
    return connection


def push(connections: list[socket.socket], size: int) -> None:
    """Send ``size`` bytes on each connection, as fast as the server takes them, for at most a few seconds."""
    left = dict.fromkeys(connections, size)
    for connection in connections:
        connection.setblocking(False)
    ends = time.monotonic() + 10
    while left and time.monotonic() < ends:
        for connection in select.select([], list(left), [], 0.2)[1]:
            try:
                left[connection] -= connection.send(b" " * min(65536, left[connection]))
            except OSError:
                left[connection] = 0
            if not left[connection]:
                del left[connection]
    for connection in connections:
        connection.settimeout(60)


def resident(server: TidewireServer) -> int:
    """Bytes of memory that the server takes."""
    assert server.process
    return int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]) * 4096


def answers_others(server: TidewireServer) -> bool:
    headers = {"X-Appwrite-Project": server.project}
    return httpx.get(f"{server.endpoint}/locale/codes", headers=headers, timeout=60).status_code == 200


@pytest.mark.parametrize(
    ("path", "project", "status"),
    [("/v1/account", "nobody", 404), ("/v1/storage/buckets", "default", 401), ("/v1/x", "default", 404)],
)
def test_nothing_is_read_for_who_may_not(small: TidewireServer, path: str, project: str, status: int) -> None:
    head = HEAD.replace(b"/v1/account", path.encode()).replace(b": default", b": " + project.encode())
    with ExitStack() as stack:
        connection = connect(small, stack)
        connection.sendall(head % 9_000_000 + b'{"')
        assert statuses(connection.recv(65536)) == [status]


def test_unfinished_bodies_are_bounded(small: TidewireServer) -> None:
    answers_others(small)
    before = resident(small)
    with ExitStack() as stack:
        connections = [connect(small, stack) for _ in range(60)]
        for connection in connections:
            connection.sendall(HEAD % 9_000_000 + b"{")
        push(connections, 8_000_000)
        assert resident(small) - before < 100 * MEGABYTE  # of the 480 that were sent
        assert answers_others(small)
        refused = [each for each in connections if select.select([each], [], [], 0)[0]]
        assert len(refused) >= 50
        answer = refused[0].recv(65536)
        assert statuses(answer) == [503]
        assert b"\r\nretry-after: 5\r\n" in answer
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["type"] == "general_server_busy"
    assert answers_others(small)


def test_a_body_waits_for_room(small: TidewireServer) -> None:
    body = b" " * 8_000_000 + b"{}"
    with ExitStack() as stack:
        first, second = connect(small, stack), connect(small, stack)
        first.sendall(HEAD % len(body) + body[:-1])
        second.sendall((HEAD % len(body))[:-1])
        second.sendall(b"\n")
        first.sendall(body[-1:])
        second.sendall(body)
        assert [statuses(each.recv(65536)) for each in (first, second)] == [[400], [400]]


def test_chunked_bodies_count_as_they_come(small: TidewireServer) -> None:
    """A body of unknown size takes little more room than its bytes: one of 9 MB fits into 12 MiB."""

    def pieces() -> Iterator[bytes]:
        yield b"{"
        for _ in range(90):
            yield b" " * 100_000
        yield b"}"

    headers = {"X-Appwrite-Project": small.project, "Content-Type": "application/json"}
    answer = httpx.post(f"{small.endpoint}/account", content=pieces(), headers=headers, timeout=60)
    assert (answer.status_code, answer.json()["type"]) == (400, "general_argument_invalid")
    assert "userId" in answer.json()["message"]


def test_answers_that_nobody_reads_are_bounded(small: TidewireServer) -> None:
    size = len(httpx.get(f"{small.endpoint}/openapi.json", timeout=60).content)
    count = 20 + 4 * 4 * MEGABYTE // size
    answers_others(small)
    before = resident(small)
    with ExitStack() as stack:
        connections = [connect(small, stack, receive_buffer=4096) for _ in range(count)]
        for connection in connections:
            connection.sendall(b"GET /v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 8)
        assert answers_others(small)
        assert len(httpx.get(f"{small.endpoint}/openapi.json", timeout=60).content) == size
        ends = time.monotonic() + 30
        cut: set[socket.socket] = set()
        while not cut and time.monotonic() < ends:
            time.sleep(0.1)
            for connection in connections:
                try:
                    connection.send(b"\r\n")
                except OSError:
                    cut.add(connection)
        assert cut
        assert resident(small) - before < 100 * MEGABYTE


def test_no_descriptors_left_is_said_and_passes(tmp_path: Path) -> None:
    server = TidewireServer(
        tmp_path / "data", ["--drain-seconds", "0.2"], program=PROGRAM, errors=tmp_path / "log"
    ).start()
    assert answers_others(server)
    assert server.process
    number = server.process.pid
    limits = resource.prlimit(number, resource.RLIMIT_NOFILE)
    open_now = len(list(Path(f"/proc/{number}/fd").iterdir()))
    resource.prlimit(number, resource.RLIMIT_NOFILE, (open_now + 60, limits[1]))
    with ExitStack() as stack:
        before, begun = _ticks(number), time.monotonic()
        while time.monotonic() < begun + 5:  # what others give back is taken at once
            connect(server, stack)
            time.sleep(0.01)
        assert _ticks(number) - before < 300  # of 500: it does not spin
    resource.prlimit(number, resource.RLIMIT_NOFILE, limits)
    time.sleep(0.5)
    assert answers_others(server)
    assert server.stop() == 0
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    found = [line for line in lines if line["event"] == "no_file_descriptors_left"]
    assert len(found) == 1, [line["event"] for line in lines]
    line = found[0]
    assert line["limit"] == open_now + 60


def test_databases_that_cannot_be_opened_for_want_of_descriptors(tmp_path: Path) -> None:
    server = TidewireServer(
        tmp_path / "data", ["--drain-seconds", "0.2"], program=PROGRAM, errors=tmp_path / "log"
    )
    server.environment |= {"TIDEWIRE_DATABASE_IDLE_SECONDS": "0.5"}
    server.start()
    assert server.process
    number = server.process.pid
    limits = resource.prlimit(number, resource.RLIMIT_NOFILE)
    headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": server.create_key()}
    with httpx.Client(base_url=server.endpoint, headers=headers, timeout=60) as program:
        assert program.get("/users").status_code == 200
        ends = time.monotonic() + 30
        while _is_open(number, "default/database.sqlite3") and time.monotonic() < ends:
            time.sleep(0.1)
        taken = {int(each.name) for each in Path(f"/proc/{number}/fd").iterdir()}
        free = next(each for each in itertools.count() if each not in taken)
        resource.prlimit(number, resource.RLIMIT_NOFILE, (free, limits[1]))
        answers = []
        for _ in range(30):
            answers.append(program.get("/users"))
            time.sleep(0.05)
        assert {answer.status_code for answer in answers} == {503}, answers[-1].text
        assert answers[-1].headers["retry-after"] == "1"
        resource.prlimit(number, resource.RLIMIT_NOFILE, limits)
        assert program.get("/users").status_code == 200
    assert server.stop() == 0
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert not [line for line in lines if "exception" in line]
    told = [line for line in lines if line["event"] == "a project is refused"]
    assert 1 <= len(told) <= 3, [line["event"] for line in lines]  # of thirty


def _is_open(number: int, path: str) -> bool:
    return any(str(each.readlink()).endswith(path) for each in Path(f"/proc/{number}/fd").iterdir())


def _ticks(number: int) -> int:
    """Hundredths of a second for which a process has had a processor."""
    fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_connections_that_are_ended_at_limits_leave_lines(tmp_path: Path) -> None:
    server = TidewireServer(
        tmp_path / "data", ["--drain-seconds", "0.2"], program=PROGRAM, errors=tmp_path / "log"
    )
    server.environment |= {
        "TIDEWIRE_REQUEST_BODY_SECONDS": "0.5",
        "TIDEWIRE_REQUEST_HEAD_SECONDS": "0.5",
        "TIDEWIRE_ANSWER_SECONDS": "1",
        "TIDEWIRE_UNREAD_ANSWER_BYTES": str(2 * MEGABYTE),
        "TIDEWIRE_MAX_BODY_VALUES": "1000",
    }
    server.start()
    with ExitStack() as stack:
        body, head = connect(server, stack), connect(server, stack)
        body.sendall(HEAD % 5000 + b"{")
        head.sendall(b"GET / HTTP/1.1\r\n")
        unread = [connect(server, stack, receive_buffer=4096) for _ in range(8)]
        for connection in unread:
            connection.sendall(b"GET /v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 12)
        headers = {"X-Appwrite-Project": server.project}
        many = {"userId": "u", "email": [1] * 40_000}
        answer = httpx.post(f"{server.endpoint}/account", json=many, headers=headers, timeout=60)
        assert answer.status_code == 413
        assert (body.recv(100), head.recv(100)) == (b"", b"")
        wanted = {
            "seconds of a body",
            "seconds of a head",
            "unread answers",
            "seconds of an answer",
            "values of a body",
        }
        told: dict[str, str] = {}
        ends = time.monotonic() + 30
        while not wanted <= set(told) and time.monotonic() < ends:
            time.sleep(0.1)
            lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
            told = {each["limit"]: each["address"] for each in lines if each["event"] == "limit_reached"}
    assert told == dict.fromkeys(wanted, "127.0.0.1")
    assert server.stop() == 0


def test_guests_that_ask_for_much_are_told_to_come_back(tmp_path: Path) -> None:
    """What each of them may take of the reads is bounded, in number and in time; a program is served."""
    server = TidewireServer(tmp_path / "data", ["--drain-seconds", "0.2"], program=PROGRAM)
    server.environment |= {
        "TIDEWIRE_READS_WAITING_OF_GUEST": "3",
        "TIDEWIRE_READS_WAITING_OF_GUESTS": "6",
        "TIDEWIRE_READ_SECONDS_OF_GUEST": "0.05",
        "TIDEWIRE_RATE_LIMITS": "off",
    }
    server.start()
    headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": server.create_key()}
    with httpx.Client(base_url=server.endpoint, headers=headers, timeout=60) as program:
        for path, body in (
            ("/tablesdb", {"databaseId": "d", "name": "d"}),
            ("/tablesdb/d/tables", {"tableId": "t", "name": "t", "permissions": ['read("any")']}),
            ("/tablesdb/d/tables/t/columns/text", {"key": "text", "required": False}),
        ):
            assert program.post(path, json=body).is_success
        rows = "/tablesdb/d/tables/t/rows"
        for _ in range(20):
            created = program.post(rows, json={"rows": [{"$id": "unique()", "text": "ab" * 4000}] * 100})
            assert created.is_success, created.text
        words = [f"{'b' * 50}{number}" for number in range(60)]
        costly = json.dumps({"method": "notContains", "attribute": "text", "values": words})
        target = f"/v1{rows}?" + urllib.parse.urlencode({f"queries[{place}]": costly for place in range(4)})
        request = f"GET {target} HTTP/1.1\r\nHost: x\r\nX-Appwrite-Project: {server.project}\r\n\r\n"
        with ExitStack() as stack:
            guests = []
            for number in range(16):
                guests.append(stack.enter_context(socket.socket()))
                guests[-1].bind((f"127.0.1.{number // 8 + 1}", 0))
                guests[-1].settimeout(60)
                guests[-1].connect(("127.0.0.1", server.port))
                guests[-1].sendall(request.encode())
            assert program.get(rows).status_code == 200
            answers = [guest.recv(65536) for guest in guests]
        codes = Counter(statuses(answer)[0] for answer in answers)
        assert codes[503] >= 4, (codes, answers[0][-300:])
        assert set(codes) <= {503, 408}
        refused = next(each for each in answers if statuses(each) == [503])
        assert b"\r\nretry-after: 5\r\n" in refused
        assert json.loads(refused.partition(b"\r\n\r\n")[2])["type"] == "general_server_busy"
        late = next(each for each in answers if statuses(each) == [408])
        assert json.loads(late.partition(b"\r\n\r\n")[2])["type"] == "database_timeout"
    assert server.stop() == 0


async def test_large_lists_in_the_making_are_bounded() -> None:
    results = LargeResults(10 * MEGABYTE)
    first, second, third = (HeldResults(results) for _ in range(3))
    first.add(8 * MEGABYTE)
    second.add(1000)  # what is small does not count
    with pytest.raises(TidewireError, match="try again"):
        second.add(3 * MEGABYTE)
    first.release()
    second.add(30 * MEGABYTE)  # one has room whatever its size
    with pytest.raises(TidewireError):
        third.add(2 * MEGABYTE)
    for each in (first, second, third):
        each.release()
    assert results.size == 0


async def test_large_lists_wait_for_room() -> None:
    results = LargeResults(10 * MEGABYTE)
    order: list[str] = []

    async def make(name: str, held: HeldResults, ends: asyncio.Event, seconds: float = 60) -> None:
        async def read() -> None:
            held.begin(9 * MEGABYTE)
            for _ in range(4):
                held.add(2 * MEGABYTE)

        present_share.set(Share(name, 1, seconds))
        try:
            await held.read(read)
            order.append(name)
            await ends.wait()
        finally:
            held.release()

    ended = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(make("first", HeldResults(results), ended))
        await asyncio.sleep(0)
        waits = asyncio.Event()
        group.create_task(make("second", HeldResults(results), waits))
        impatient = asyncio.create_task(make("third", HeldResults(results), waits, 0.05))
        with pytest.raises(TidewireError, match="try again"):
            await impatient
        assert order == ["first"]
        ended.set()
        await asyncio.sleep(0.01)
        assert order == ["first", "second"]
        waits.set()
    assert results.size == 0


def make_long_list(server: TidewireServer) -> str:
    """Make a table whose list of rows has 14 MB, which anybody may read; return the path of the rows."""
    headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": server.create_key()}
    with httpx.Client(base_url=server.endpoint, headers=headers, timeout=60) as program:
        anyone = ['read("any")']
        for path, body in (
            ("/tablesdb", {"databaseId": "d", "name": "d"}),
            ("/tablesdb/d/tables", {"tableId": "t", "name": "t", "permissions": anyone}),
            ("/tablesdb/d/tables/t/columns/longtext", {"key": "text", "required": False}),
        ):
            assert program.post(path, json=body).is_success
        rows = "/tablesdb/d/tables/t/rows"
        created = [
            program.post(rows, json={"rowId": f"r{number}", "data": {"text": "x" * 1_000_000}})
            for number in range(14)
        ]
        assert {answer.status_code for answer in created} == {201}
    return rows


def test_large_lists_that_nobody_reads_are_bounded(tmp_path: Path) -> None:
    """60 clients ask for lists of 14 MB and read nothing of them: 840 MB, of which 256 may be held."""
    server = TidewireServer(tmp_path / "data", ["--drain-seconds", "0.2"], program=PROGRAM).start()
    rows = make_long_list(server)
    before = resident(server)
    highest = before
    with ExitStack() as stack:
        connections = [connect(server, stack, receive_buffer=4096) for _ in range(60)]
        for connection in connections:
            connection.sendall(
                f"GET /v1{rows} HTTP/1.1\r\nHost: x\r\nX-Appwrite-Project: default\r\n\r\n".encode()
            )
        ends = time.monotonic() + 60
        answered: set[socket.socket] = set()
        while len(answered) < 60 and time.monotonic() < ends:
            answered |= set(select.select(list(set(connections) - answered), [], [], 0.02)[0])
            highest = max(highest, resident(server))
        assert len(answered) == 60
        assert answers_others(server)
    assert highest - before < 256 * MEGABYTE
    ends = time.monotonic() + 30
    while resident(server) - before > 64 * MEGABYTE and time.monotonic() < ends:
        time.sleep(0.1)
    assert resident(server) - before < 64 * MEGABYTE  # and nothing of it stays
    assert server.stop() == 0


def test_a_large_list_that_is_not_read_takes_no_room_of_others(tmp_path: Path) -> None:
    """Neither where the connection stays, nor where it is to be closed, as proxies ask by default."""
    server = TidewireServer(tmp_path / "data", ["--drain-seconds", "0.2"], program=PROGRAM)
    server.environment |= {"TIDEWIRE_LARGE_ANSWER_BYTES": str(2 * MEGABYTE)}
    server.start()
    rows = make_long_list(server)
    request = f"GET /v1{rows} HTTP/1.1\r\nHost: x\r\nX-Appwrite-Project: default\r\n"
    with ExitStack() as stack:
        for line in ("", "Connection: close\r\n"):
            slow = connect(server, stack, receive_buffer=4096)
            slow.sendall(f"{request}{line}\r\n".encode())
            assert select.select([slow], [], [], 60)[0]
        answer = httpx.get(server.endpoint + rows, headers={"X-Appwrite-Project": "default"}, timeout=60)
        assert (answer.status_code, len(answer.json()["rows"])) == (200, 14)
        received = b""
        while piece := slow.recv(MEGABYTE):
            received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"\r\nconnection: close" in head
    assert json.loads(body) == answer.json()
    assert server.stop() == 0
