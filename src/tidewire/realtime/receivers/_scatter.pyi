from collections.abc import Sequence

class SocketState:
    descriptor: int
    fast_round: int
    sent: int

def scatter(
    lanes: Sequence[SocketState],
    tails: Sequence[bytes],
    start: int,
    stop: int,
    done: bytearray | None,
    around: Sequence[tuple[bytes, bytes]],
    round: int,  # noqa: A002 - by place only
    offset: int,
    /,
) -> list[tuple[int, int]]: ...
