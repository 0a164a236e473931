"""What functions cost: warm, cold, run by an event, and idle; beside the same shim started by hand."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median, quantiles
from typing import Final

import httpx

from benchmarks.functions import SECONDS, Deployed, Shim, deploy
from benchmarks.machine import resident_bytes
from benchmarks.native import Endpoint, Plan
from benchmarks.peers import Running, ServerFailedError
from benchmarks.rest_client import Rest
from benchmarks.scenarios import Load, Metric

CLIENTS: Final = 8
BUSY: Final = """
module.exports = ({res}) => {
  for (const end = performance.now() + 2; performance.now() < end; );
  return res.text("done");
};
"""
"""Works for two milliseconds."""
HELLO: Final = {
    "node": 'module.exports = ({res}) => res.text("hello");\n',
    "python": 'def main(context):\n    return context.res.text("hello")\n',
}
BEGUN: Final = """
module.exports = ({req, res, log}) => {
  log(req.bodyJson.$id + " " + Date.now());
  return res.empty();
};
"""
ROWS_A_SECOND: Final = 50
SETTLED_SECONDS: Final = 0.5
PAGE: Final = 100


class WarmExecution:
    """Synchronous executions of a warm function through REST, and the same shim called directly."""

    title = f"Run a function of 2 ms, {CLIENTS} clients"
    fresh = False
    once = False

    def __init__(self) -> None:
        self.metrics = {
            "rate": Metric("executions through REST", "requests/s"),
            "bare": Metric("the same shim called directly", "requests/s"),
            "share": Metric("of the shim's rate", "times", "at least 0.6"),
        }

    def suits(self, target: Running) -> bool:
        """Whether it runs functions."""
        return target.server is not None

    def measure(self, load: Load, target: Running) -> dict[str, float]:
        """One run."""
        assert target.server is not None
        function = deploy(target.server, "node", BUSY)
        through = self._rate(load, target.endpoint, function.request)
        function.delete()
        with Shim(target, "node", BUSY, port=True) as shim:
            bare = self._rate(load, Endpoint(shim.address[1], "/"), shim.request)
        return {"rate": through, "bare": bare, "share": through / bare}

    def _rate(self, load: Load, endpoint: Endpoint, request: bytes) -> float:
        count = load.scaled(1_500, 100)
        plan = Plan(request=request, requests=CLIENTS + count, warm_up=CLIENTS, in_flight=CLIENTS)
        requested = load.generator.run(endpoint, plan).requested
        assert requested is not None
        return requested.requests / requested.seconds


class ColdStart:
    """The first execution in a new process, and the same shim started by hand."""

    fresh = False
    once = False

    def __init__(self, language: str) -> None:
        self.language = language
        self.title = f"Cold start of a function in {language}"
        self.metrics = {
            "start": Metric("request to answer, p50", "ms"),
            "bare": Metric("the same shim alone, p50", "ms"),
            "share": Metric("of the time of the shim", "times", "at most 1.5"),
        }

    def suits(self, target: Running) -> bool:
        """Whether it runs functions."""
        return target.server is not None

    def measure(self, load: Load, target: Running) -> dict[str, float]:
        """One run."""
        assert target.server is not None
        server, source, count = target.server, HELLO[self.language], load.scaled(12, 2)
        function = deploy(server, self.language, source)
        through = [self._renewed(server, function, number) for number in range(count)]
        function.delete()
        bare = [self._alone(target, source) for _ in range(count)]
        start, alone = median(through[1:]), median(bare[1:])
        return {"start": start * 1e3, "bare": alone * 1e3, "share": start / alone}

    def _renewed(self, server: Rest, function: Deployed, number: int) -> float:
        variable = {"variableId": "unique()", "key": f"V{number}", "value": "1"}
        server.call("POST", f"/v1/functions/{function.id}/variables", variable)
        time.sleep(SETTLED_SECONDS)  # the process before this one has ended
        begin = time.perf_counter()
        execution = server.call("POST", f"/v1/functions/{function.id}/executions", {})
        if execution["status"] != "completed":
            raise ServerFailedError(execution["errors"])
        return time.perf_counter() - begin

    def _alone(self, target: Running, source: str) -> float:
        begin = time.perf_counter()
        with Shim(target, self.language, source, port=False) as shim:
            if b" 200 " not in shim.answer():
                raise ServerFailedError("the shim does not run the function")
            return time.perf_counter() - begin


class RowToRun:
    """From the request that creates a row until the function that its event runs has begun."""

    title = f"Row created to function begun, {ROWS_A_SECOND} rows a second"
    fresh = False
    once = False

    def __init__(self) -> None:
        self.metrics = {
            "p50": Metric("p50", "ms"),
            "p99": Metric("p99", "ms", "less than 50 ms"),
        }

    def suits(self, target: Running) -> bool:
        """Whether it runs functions."""
        return target.server is not None

    def measure(self, load: Load, target: Running) -> dict[str, float]:
        """One run."""
        assert target.server is not None
        server, count = target.server, ROWS_A_SECOND * load.scaled(6, 1)
        database = server.call("POST", "/v1/tablesdb", {"databaseId": "unique()", "name": "Events"})["$id"]
        server.call("POST", f"/v1/tablesdb/{database}/tables", {"tableId": "rows", "name": "Rows"})
        events = [f"databases.{database}.tables.rows.rows.*.create"]
        function = deploy(server, "node", BEGUN, events=events)
        sent: dict[str, float] = {}
        warm_up = ROWS_A_SECOND // 5
        base = f"http://127.0.0.1:{server.port}"
        with httpx.Client(base_url=base, headers=server.headers, timeout=SECONDS) as http:
            begin = time.perf_counter()
            for number in range(warm_up + count):
                if number == warm_up:  # the function's process runs
                    self._begun(server, function, warm_up)
                    begin = time.perf_counter() - warm_up / ROWS_A_SECOND
                time.sleep(max(0.0, begin + number / ROWS_A_SECOND - time.perf_counter()))
                row_id = f"row{number}"
                sent[row_id] = time.time()
                path = f"/v1/tablesdb/{database}/tables/rows/rows"
                http.post(path, json={"rowId": row_id, "data": {}}).raise_for_status()
        begun = self._begun(server, function, warm_up + count)
        function.delete()
        late = [begun[row] - sent[row] * 1e3 for row in list(sent)[warm_up:]]
        return {"p50": median(late), "p99": quantiles(late, n=100)[98]}

    def _begun(self, server: Rest, function: Deployed, count: int) -> dict[str, float]:
        """When each row's execution was begun, milliseconds since the epoch."""
        path = f"/v1/functions/{function.id}/executions"
        end = time.monotonic() + SECONDS
        while True:
            found: dict[str, float] = {}
            for offset in range(0, count, PAGE):
                queries = f'?queries[]={{"method":"limit","values":[{PAGE}]}}'
                queries += f'&queries[]={{"method":"offset","values":[{offset}]}}'
                for execution in server.call("GET", path + queries, {})["executions"]:
                    row, _, moment = execution["logs"].strip().partition(" ")
                    if moment:
                        found[row] = float(moment)
            if len(found) == count:
                return found
            if time.monotonic() > end:
                raise ServerFailedError(f"{len(found)} of {count} rows have run the function")
            time.sleep(0.5)


class IdleFunctions:
    """Functions that are deployed and that nobody runs."""

    fresh = True
    once = True

    def __init__(self, count: int) -> None:
        self.count = count
        self.title = f"{count} deployed functions that nobody runs"
        self.metrics = {"memory": Metric("memory of the server", "bytes", "less than 20,000,000")}

    def suits(self, target: Running) -> bool:
        """Whether it runs functions."""
        return target.server is not None

    def measure(self, load: Load, target: Running) -> dict[str, float]:
        """One run."""
        assert target.server is not None
        for _ in range(5):
            deploy(target.server, "node", HELLO["node"])
        before = resident_bytes(target.process)
        for _ in range(self.count):
            deploy(target.server, "node", HELLO["node"])
        time.sleep(2 * SETTLED_SECONDS)
        children = Path(f"/proc/{target.process}/task/{target.process}/children").read_text().split()
        if children:
            raise ServerFailedError(f"{len(children)} processes of idle functions")
        return {"memory": float(resident_bytes(target.process) - before)}
