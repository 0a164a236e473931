"""How much of the machine a function or a build may use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Specification:
    """Bounds of one process of a function and of everything that it starts."""

    slug: str
    """The name that it has in the API, such as ``s-1vcpu-512mb``."""
    cpus: float
    """Processors: 0.5 is half of the time of one."""
    memory: int
    """Megabytes (of 1024 * 1024 bytes)."""


DEFAULT_SPECIFICATION: Final = "s-1vcpu-512mb"

SPECIFICATIONS: Final = {
    each.slug: each
    for each in (
        Specification("s-0.5vcpu-512mb", 0.5, 512),
        Specification("s-1vcpu-512mb", 1, 512),
        Specification("s-1vcpu-1gb", 1, 1024),
        Specification("s-2vcpu-2gb", 2, 2048),
        Specification("s-2vcpu-4gb", 2, 4096),
        Specification("s-4vcpu-4gb", 4, 4096),
        Specification("s-4vcpu-8gb", 4, 8192),
        Specification("s-8vcpu-4gb", 8, 4096),
        Specification("s-8vcpu-8gb", 8, 8192),
    )
}
"""All of them by slug, in the order in which they are listed."""
