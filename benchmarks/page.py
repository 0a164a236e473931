"""What the documentation page says besides the numbers."""

from __future__ import annotations

from typing import Final

METHOD: Final = """\
## Method

- Every server runs on one core, with all its threads; the load generator (C, epoll) runs on another. The
  driver sleeps. All servers are started at once and measured in turns, by the same load generator in the
  same run, so that what else the machine does meets all alike. Those that are not measured are idle.
- Rounds: {rounds}, each in the order A B C. Values are medians of the rounds, with the least and the greatest
  in brackets. What hardly varies or takes long is measured once and has no brackets: memory, matching,
  10,000 subscribers, slow readers, growth.
- Tidewire runs with its defaults (`synchronous=full`, one worker), but without rate limits. An event is
  caused by the update of a stored file over HTTP; its request, its commit to disk and its event are part
  of what is measured, on the server's core, wherever the table does not say otherwise.
- Every subscriber is one connection with one subscription, unless the table says ten. The load generator
  counts every message, checks the subscription id of each connection's first event where the server sends
  one, and fails on anything unexpected: a missing message, one too many, an error, a close. It answers
  pings. Its sockets acknowledge at once (TCP_QUICKACK): on one machine the kernel would do the work of
  delayed acknowledgements while the server sends, on the server's core, where it would cost each server a
  third. Compressed messages it counts as they are; the first of some subscribers are inflated afterwards
  and looked at.
- "One event at a time": the rate is the number of subscribers by the median time from the first receipt
  of an event to its last. "In flight": a request counts until it is answered and all subscribers have
  its event.
- The event has 2,800 bytes: a file with permissions for three teams and seven people, whose ids are as
  random as real ones. They bound how far it can be compressed: zlib alone comes to 4.5 times. The update of
  a row, with its 64 event names, is measured beside it.
- Matching is measured with real connections: the time is the server's own metric
  `tidewire_realtime_matching_seconds`, its sum by its count, over 110 events.
- Resident memory is that of the process which holds the connections. What the kernel keeps for sockets is
  not in it, nor what a server reserves but never touches.

`make bench` fetches Bun and PocketBase with npm and pip into `benchmarks/build`, which Git ignores; nchan
is a package of the system (`apt-get install nginx libnginx-mod-nchan`). What is missing is left out and
named. `make bench ARGS="--only fan-out --peers bun,nchan"` measures a part, `ARGS=--quick` shows within
two minutes that everything works, `ARGS=--write` writes this page.

`make bench ARGS="--compare REV"` measures this checkout beside another commit of it, with the same
libraries, in nine pairs (`--rounds`) that take turns in who is first. It prints the median of the pairs'
ratios, turned so that above 1 is better, and the interval in which the true median lies with 95 %
confidence (that of the sign test). The exit code is 1 if an interval lies below 0.97 as a whole. Without
`--only` it compares fan-out to 1,000, creating and getting a row, and the memory of an idle connection, in
about ten minutes.
"""

ABOUT_PEERS: Final = """\
## What the peers do, and what they do not

|  | an event is | stored first | who receives it | chosen by | own ids |
|---|---|---|---|---|---|
| Tidewire | a file's update | SQLite, `synchronous=full` | who may read the file | channels, queries | yes |
| bare C sender | an empty request | no | everybody | nothing | yes |
| Bun, own ids | a posted text | no | everybody | channel | yes |
| Bun pub/sub | a posted text | no | everybody | channel | no |
| nchan | a posted text | no (its buffer is off) | everybody | channel | no |
| PocketBase | a record's update | SQLite, `synchronous=normal` | whom the rules let | record, filter | yes |

- The **bare C sender** (`benchmarks/native/sender.c`) is the physical limit of one `send()` for each
  receiver and event: it does nothing else. Tidewire gets past it with several events in flight because it
  writes those that wait for a connection together.
- **Bun pub/sub** and **nchan** have the easier task: the message is the same for all, so they copy it or
  hand it to the kernel as it is. Neither stores, authenticates or filters anything here. **Bun, own ids**
  is the same server with one `send` for each receiver, of a text that ends with the receiver's id.
- **PocketBase** is the nearest in kind, a backend with a database, rules and realtime. It sends
  server-sent events, each with the client's id; the load generator reads them through the chunks of HTTP.
  A power cut can cost it the last commits, since it does not wait for the disk on each one.
- **Centrifugo** is not measured: neither PyPI nor npm nor Debian carries its program.
- Only Tidewire takes part where files, sessions or queries are needed.
"""

GROWTH_TEXT: Final = """\
Measured once for each number, the servers in turns. Fan-out and latency: one event at a time, one
subscription each; the latency of Tidewire and PocketBase has a commit to disk in it. Memory: connections
are added to those that are there. Matching: ten subscriptions each, as in the tables above.
Both axes are logarithmic: a straight line that rises as the number of connections does is linear growth.
"""
