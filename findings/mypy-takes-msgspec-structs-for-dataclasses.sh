#!/usr/bin/env bash
# mypy takes a msgspec Struct for a dataclass: dataclasses.replace() of one passes strict mode, and fails when run.
#
# msgspec marks Struct with dataclass_transform (PEP 681), which says that a class gets an initialiser as a
# dataclass does. A good guess says that it does not become a dataclass by that: at run time it has no
# __dataclass_fields__, and replace(), asdict() and fields() refuse it with TypeError. mypy gives every class
# that is transformed that attribute, and so lets all three pass. Who turns a dataclass into a Struct for speed
# is told nothing of the calls that have to change. For msgspec they are msgspec.structs.replace, asdict, fields.
#
# Seen with msgspec 0.22.0, mypy 2.4.1, Python 3.11, on 2026-11-30.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv .venv
.venv/bin/pip install --quiet --disable-pip-version-check msgspec==0.22.0 mypy==2.4.1
cat >point.py <<'PY'
from dataclasses import asdict, fields, replace

import msgspec


class Point(msgspec.Struct, frozen=True):
    x: int
    y: int


def attempt(name: str) -> None:
    try:
        if name == "replace":
            replace(Point(1, 2), x=3)
        elif name == "asdict":
            asdict(Point(1, 2))
        else:
            fields(Point(1, 2))
    except TypeError:
        print(f"{name}: TypeError")
    else:
        print(f"{name}: works")


print("a dataclass when run:", hasattr(Point, "__dataclass_fields__"))
for name in ("replace", "asdict", "fields"):
    attempt(name)
print("msgspec's own:", msgspec.structs.replace(Point(1, 2), x=3))
PY
{ .venv/bin/mypy --strict point.py; .venv/bin/python point.py; } | tee out
diff out - <<'OUT'
Success: no issues found in 1 source file
a dataclass when run: False
replace: TypeError
asdict: TypeError
fields: TypeError
msgspec's own: Point(x=3, y=2)
OUT
