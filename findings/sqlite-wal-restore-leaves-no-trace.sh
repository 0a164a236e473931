#!/usr/bin/env bash
# SQLite in WAL mode: putting yesterday's copy back can undo commits without touching the database file.
#
# Realtime servers keep a place in a log, and must notice when a backup was put back, since what clients saw is
# then no longer there. A good guess says that the restored database file differs from the one that was there:
# in its bytes, times or inode. In WAL mode commits go to a second file, `-wal`, until a checkpoint. If a process
# is killed before one, the database file is still that of yesterday: `rsync -a --delete` from the copy finds it
# the same, leaves it alone, and only deletes `-wal`. Commits with synchronous=FULL are gone, and device, inode,
# size, mtime and ctime of the database file are what they were, to the nanosecond.
#
# Seen with SQLite 3.54.1 (apsw 3.54.1.0), Python 3.11, Linux, on 2026-11-30.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check apsw==3.54.1.0
cat >"$folder/try.py" <<'PY'
import os, shutil, sys
import apsw

data, copy = sys.argv[1] + "/data", sys.argv[1] + "/copy"
file = data + "/log.db"

def run(statements):
    """In a process of its own, which is killed right after the commit."""
    if os.fork() == 0:
        connection = apsw.Connection(file)
        connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", "full")
        for statement in statements:
            connection.execute(statement)
        os._exit(9)
    os.wait()

def events():
    connection = apsw.Connection(f"file:{file}?mode=ro", flags=apsw.SQLITE_OPEN_URI | apsw.SQLITE_OPEN_READONLY)
    try:
        return [text for (text,) in connection.execute("SELECT text FROM events")]
    finally:
        connection.close()

os.mkdir(data)
first = apsw.Connection(file)
first.pragma("journal_mode", "wal")
first.execute("CREATE TABLE events (text); INSERT INTO events VALUES ('yesterday')")
first.close()
shutil.copytree(data, copy)  # the backup, of a database that was closed in order

run(["INSERT INTO events VALUES ('today')"])
before, names = os.stat(file), sorted(os.listdir(data))
print("files after the kill:", ", ".join(names))
print("today is committed, in the -wal file:", b"today" in open(file + "-wal", "rb").read())

# What `rsync -a --delete copy/ data/` does: a file of the same size and time is left alone, others go.
for name in names:
    ours, theirs = os.path.join(data, name), os.path.join(copy, name)
    if not os.path.exists(theirs):
        os.remove(ours)
    elif (os.stat(ours).st_size, int(os.stat(ours).st_mtime)) != (os.stat(theirs).st_size, int(os.stat(theirs).st_mtime)):
        shutil.copy2(theirs, ours)
after = os.stat(file)
fields = ("st_dev", "st_ino", "st_size", "st_mtime_ns", "st_ctime_ns")
print("the database file is untouched:", all(getattr(before, f) == getattr(after, f) for f in fields))
print("what it holds now:", events())
PY
"$folder/venv/bin/python" "$folder/try.py" "$folder" | tee "$folder/out"
diff "$folder/out" - <<'OUT'
files after the kill: log.db, log.db-shm, log.db-wal
today is committed, in the -wal file: True
the database file is untouched: True
what it holds now: ['yesterday']
OUT
