"""Write the tables of the documentation that derive from the code; ``--check`` only compares."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from tidewire.cli.settings import ENVIRONMENT_PREFIX, setting_description
from tidewire.core.errors import ERROR_CODES, SHOWN_STATUSES
from tidewire.realtime.survey.metrics import METRICS
from tidewire.settings import Settings

DOCS = Path(__file__).parents[1] / "docs"


def settings_page() -> str:
    """Every setting with its flag, variable, default and meaning."""
    lines = [
        "# Settings",
        "",
        "Each setting can be given as a flag of `tidewire serve`, as an environment variable, or in a TOML",
        "file named by `--config` or `TIDEWIRE_CONFIG` (the key is the flag's name with underscores). Flags",
        "win over the environment, the environment over the file. A setting that cannot be used ends the",
        "program with exit code 2 and one line that names it.",
        "",
        "| flag | variable | default | meaning |",
        "|---|---|---|---|",
    ]
    defaults = Settings()
    for field in msgspec.structs.fields(Settings):
        flag = "--" + field.name.replace("_", "-")
        variable = ENVIRONMENT_PREFIX + field.name.upper()
        default = shown(getattr(defaults, field.name))
        lines.append(f"| `{flag}` | `{variable}` | `{default}` | {setting_description(field)} |")
    return "\n".join(lines) + "\n"


def shown(value: object) -> str:
    """A value as one would write it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def errors_page() -> str:
    """Every error type with its code."""
    lines = [
        "# Errors",
        "",
        "A failed request answers `{message, code, type, version}`. Programs rely on `type`; `message` is",
        "for people. `code` equals the HTTP status; the `realtime_*` types appear only in `error` frames,",
        "with a number like a WebSocket status.",
        "",
        "| type | code |",
        "|---|---|",
    ]
    for name, code in sorted(ERROR_CODES.items()):
        hidden = (
            ""
            if code in SHOWN_STATUSES or name.startswith("realtime_") or code == 500
            else " (answered as 500)"
        )
        lines.append(f"| `{name}` | {code}{hidden} |")
    return "\n".join(lines) + "\n"


def metrics_page() -> str:
    """Every metric with what it means."""
    lines = [
        "# Metrics",
        "",
        "With the setting `metrics_key`, `GET /metrics` answers in Prometheus' text format to requests with",
        "`Authorization: Bearer <the key>`; without the setting there is no such page. Each process counts",
        "for itself, since its start, and is named by the label `process`. Whichever worker takes the",
        "request, the answer has the numbers of all: sum over `process` for those of the server. A worker",
        "that lives but does not answer within two seconds is left out, and `tidewire_process_up` says so.",
        "",
        "| metric | kind | labels | meaning |",
        "|---|---|---|---|",
    ]
    for metric in METRICS:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        lines.append(f"| `{metric.name}` | {metric.kind} | {labels} | {metric.meaning} |")
    return "\n".join(lines) + "\n"


PAGES = {"settings.md": settings_page, "errors.md": errors_page, "metrics.md": metrics_page}


def main() -> int:
    """Write all pages, or with ``--check`` name those that differ; returns the exit code."""
    stale = [name for name, page in PAGES.items() if not is_current(DOCS / name, page())]
    if "--check" in sys.argv:
        for name in stale:
            print(f"docs/{name} is stale: run `make docs`")
        return 1 if stale else 0
    for name in stale:
        (DOCS / name).write_text(PAGES[name](), encoding="utf-8")
    return 0


def is_current(path: Path, text: str) -> bool:
    """Whether the file holds exactly the text."""
    return path.exists() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main())
