from collections.abc import Sequence

class Lane:
    descriptor: int
    express: int
    sent: int

def scatter(
    lanes: Sequence[Lane],
    tails: Sequence[bytes],
    start: int,
    stop: int,
    done: bytearray | None,
    around: Sequence[tuple[bytes, bytes]],
    round: int,  # noqa: A002 - by place only
    offset: int,
    /,
) -> list[tuple[int, int]]: ...
