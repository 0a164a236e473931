"""Test vectors: what a compatible server does, case by case, as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

Case = dict[str, Any]


def load(name: str) -> dict[str, Any]:
    """The whole of ``<name>.json``."""
    document: dict[str, Any] = json.loads((Path(__file__).parent / f"{name}.json").read_text("utf-8"))
    return document


def load_cases(name: str) -> list[Any]:
    """The cases of ``<name>.json`` as parameters of a test."""
    cases = enumerate(load(name)["cases"])
    return [pytest.param(case, id=f"{number}-{case.get('name', '')}"[:80]) for number, case in cases]
