"""Archives of strangers."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.functions.support import packed
from tidewire.functions.archives import ArchiveBounds, pack, unpack
from tidewire.functions.contract import BadArchiveError, TooLargeError

BOUNDS = ArchiveBounds(unpacked_bytes=10_000_000, files=100)


def entry(
    name: str, kind: bytes = tarfile.REGTYPE, link: str = "", data: bytes = b""
) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.size, member.mode = kind, link, len(data), 0o6777
    return member, data


def written(path: Path, entries: Iterable[tuple[tarfile.TarInfo, bytes]]) -> Path:
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for member, data in entries:
            tar.addfile(member, io.BytesIO(data))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "inner" / "folder"
    folder.mkdir(parents=True)
    return folder


HOSTILE = {
    "absolute": [entry("/tmp/tidewire-evil", data=b"x")],
    "above": [entry("../evil", data=b"x")],
    "above from within": [entry("a/../../evil", data=b"x")],
    "link out": [entry("link", tarfile.SYMTYPE, "/etc")],
    "relative link out": [entry("a/link", tarfile.SYMTYPE, "../../x")],
    "through a link": [entry("link", tarfile.SYMTYPE, "."), entry("link/evil", data=b"x")],
    "through links": [
        entry("d/e", tarfile.DIRTYPE), entry("d/e/up", tarfile.SYMTYPE, "../.."),
        entry("out", tarfile.SYMTYPE, "d/e/up/../x"),
    ],
    "hard link out": [entry("hard", tarfile.LNKTYPE, "../../secret")],
    "hard link to a link": [entry("link", tarfile.SYMTYPE, "a"), entry("hard", tarfile.LNKTYPE, "link")],
    "hard link to nothing": [entry("hard", tarfile.LNKTYPE, "gone")],
    "device": [entry("device", tarfile.CHRTYPE)],
    "pipe": [entry("pipe", tarfile.FIFOTYPE)],
    "a very long name": [entry("a/" * 600 + "x", data=b"x")],
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_leads_out(tmp_path: Path, folder: Path, name: str) -> None:
    (tmp_path / "secret").write_text("secret")
    archive = written(tmp_path / "archive", HOSTILE[name])
    with pytest.raises(BadArchiveError):
        unpack(archive, folder, BOUNDS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive", "inner", "secret"]
    assert list(folder.parent.iterdir()) == [folder]


CONTENTS = {
    "empty": b"",
    "text": b"no archive",
    "no tar": gzip.compress(b"no tar" * 1000),
    "half": packed({"a": os.urandom(100_000)})[:5000],
}


@pytest.mark.parametrize("name", CONTENTS)
def test_what_is_no_archive(tmp_path: Path, folder: Path, name: str) -> None:
    (tmp_path / "archive").write_bytes(CONTENTS[name])
    with pytest.raises(BadArchiveError, match="no complete gzip tar"):
        unpack(tmp_path / "archive", folder, BOUNDS)


def test_bombs(tmp_path: Path, folder: Path) -> None:
    zeros = written(tmp_path / "zeros", [entry("a", data=bytes(30_000_000))])
    with pytest.raises(TooLargeError, match="more than 10000000 bytes"):
        unpack(zeros, folder, BOUNDS)
    with pytest.raises(TooLargeError):  # the ratio, from 64 MiB on
        many = written(tmp_path / "many", [entry(str(number), data=bytes(8_000_000)) for number in range(10)])
        unpack(many, folder, ArchiveBounds(unpacked_bytes=10**12, files=100, ratio=100))
    files = written(tmp_path / "files", [entry(f"f{number}") for number in range(101)])
    with pytest.raises(TooLargeError, match="more than 100 entries"):
        unpack(files, folder, BOUNDS)


def test_a_sparse_file_counts_as_what_it_claims(tmp_path: Path, folder: Path) -> None:
    member = tarfile.TarInfo("sparse")
    member.pax_headers = {
        "GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.size": str(10**13),
        "GNU.sparse.numblocks": "1", "GNU.sparse.map": "0,0",
    }  # fmt: skip
    with pytest.raises((TooLargeError, BadArchiveError)):
        unpack(written(tmp_path / "archive", [(member, b"")]), folder, BOUNDS)
    assert sum(path.stat().st_size for path in folder.iterdir()) < 10_000_000


def header(kind: bytes, size: int, *, extended: bool = False) -> bytes:
    """A header; ``extended``: a map of what a sparse file has goes on in the next block."""
    member = tarfile.TarInfo("x")
    member.type, member.size = kind, size
    block = bytearray(member.tobuf(tarfile.USTAR_FORMAT))
    block[482], block[148:156] = extended, b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


LARGE_HEADERS = {
    "pax": header(tarfile.XHDTYPE, 10**9),
    "global pax": header(tarfile.XGLTYPE, 10**9),
    "long name": header(tarfile.GNUTYPE_LONGNAME, 10**9),
    "sparse map": header(tarfile.GNUTYPE_SPARSE, 0, extended=True),
}
"""What is read into memory, however long it is."""


@pytest.mark.parametrize("name", LARGE_HEADERS)
def test_large_headers(tmp_path: Path, folder: Path, name: str) -> None:
    archive = tmp_path / "a.tar.gz"
    block = (bytes(504) + b"\1" + bytes(7)) * 2048  # of a sparse map: it goes on
    with gzip.open(archive, "wb", compresslevel=1) as file:
        file.write(LARGE_HEADERS[name])
        for _ in range(40):
            file.write(block)
    with pytest.raises(TooLargeError, match="headers"):
        unpack(archive, folder, ArchiveBounds(unpacked_bytes=2 * 10**9, files=100))


def test_headers_of_usual_sizes(tmp_path: Path, folder: Path) -> None:
    """Names that need headers of their own, beside content that is longer than all headers may be."""
    long = "/".join(["a" * 200] * 4)
    entries = [entry(f"{long}/{number}", data=bytes(20_000)) for number in range(2000)]
    unpack(written(tmp_path / "a.tar.gz", entries), folder, ArchiveBounds(10**8, 10_000))
    assert len(list((folder / long).iterdir())) == 2000


def test_headers_about_headers(tmp_path: Path, folder: Path) -> None:
    archive = tmp_path / "a.tar.gz"
    with gzip.open(archive, "wb", compresslevel=1) as file:
        file.write(header(tarfile.XHDTYPE, 0) * 5000)
    with pytest.raises(BadArchiveError):
        unpack(archive, folder, BOUNDS)


def test_what_is_packed_comes_back(tmp_path: Path, folder: Path) -> None:
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "er" / "file").write_bytes(os.urandom(300_000))
    (folder / "run.sh").write_text("x")
    (folder / "run.sh").chmod(0o755)
    (folder / "link").symlink_to("deep/er/file")
    (folder / "out").symlink_to("../..")
    (folder / "absolute").symlink_to("/etc/passwd")
    (folder / "ä").write_text("x")
    os.mkfifo(folder / "pipe")
    size = pack(folder, tmp_path / "packed", 1_000_000, 100)
    assert size == (tmp_path / "packed").stat().st_size
    back = tmp_path / "back"
    back.mkdir()
    unpack(tmp_path / "packed", back, BOUNDS)
    assert sorted(path.name for path in back.iterdir()) == ["deep", "link", "run.sh", "ä"]
    assert (back / "link").read_bytes() == (folder / "deep" / "er" / "file").read_bytes()
    assert (back / "run.sh").stat().st_mode & 0o777 == 0o755


def test_links_that_lead_nowhere_hold_up_nothing(tmp_path: Path, folder: Path) -> None:
    (folder / "main.py").write_text("x")
    (folder / "itself").symlink_to("itself")
    (folder / "one").symlink_to("other")
    (folder / "other").symlink_to("one")
    (folder / "missing").symlink_to("nowhere")
    pack(folder, tmp_path / "packed", 1_000_000, 100)
    again = tmp_path / "again"
    again.mkdir()
    unpack(tmp_path / "packed", again, BOUNDS)
    assert (again / "main.py").read_text() == "x"


def test_what_is_refused_says_nothing_of_the_server(tmp_path: Path, folder: Path) -> None:
    entries = [entry("a", tarfile.SYMTYPE, link="b"), entry("b", tarfile.SYMTYPE, link="..")]
    with pytest.raises(BadArchiveError) as refused:
        unpack(written(tmp_path / "archive", entries), folder, BOUNDS)
    assert str(tmp_path) not in str(refused.value)


def test_a_result_that_is_too_large_leaves_nothing(tmp_path: Path, folder: Path) -> None:
    (folder / "file").write_bytes(os.urandom(2_000_000))
    with pytest.raises(TooLargeError):
        pack(folder, tmp_path / "packed", 1_000_000, 100)
    assert not (tmp_path / "packed").exists()


def test_rights_are_made_plain(tmp_path: Path, folder: Path) -> None:
    unpack(written(tmp_path / "archive", [entry("a", data=b"x")]), folder, BOUNDS)
    assert (folder / "a").stat().st_mode & 0o7022 == 0


def test_whoever_runs_the_code_may_read_it(folder: Path, tmp_path: Path) -> None:
    """Whatever the archive says, and whatever the umask of the server is."""
    secret, _ = entry("made", tarfile.DIRTYPE)
    secret.mode = 0o600
    entries = [(secret, b""), entry("made/a.py", data=b"x"), entry("implied/deep/b.py", data=b"x")]
    entries[1][0].mode, entries[2][0].mode = 0o600, 0o700
    archive = written(tmp_path / "archive.tar.gz", entries)
    former = os.umask(0o077)
    try:
        unpack(archive, folder, BOUNDS)
    finally:
        os.umask(former)
    modes = {str(path.relative_to(folder)): path.stat().st_mode & 0o777 for path in folder.rglob("*")}
    assert modes == {
        "made": 0o755,
        "made/a.py": 0o644,
        "implied": 0o755,
        "implied/deep": 0o755,
        "implied/deep/b.py": 0o755,
    }
