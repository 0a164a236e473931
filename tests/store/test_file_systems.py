"""Where databases may be: the decision by what the kernel lists, and the command's answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidewire.store.errors import StoreError
from tidewire.store.machine.file_systems import require_local, type_at

# As kernels write it (Linux 6.1; a NAS by NFS, a share, a cluster, a laptop's container).
MOUNTS = r"""
21 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw
22 21 0:21 / /proc rw,nosuid,nodev,noexec,relatime shared:12 - proc proc rw
30 21 0:50 / /mnt/nas rw,relatime shared:200 - nfs4 nas.lan:/export rw,vers=4.2,hard,proto=tcp
31 21 0:51 / /mnt/old\040nas rw,relatime shared:201 - nfs nas.lan:/old rw,vers=3
32 21 0:52 / /mnt/share rw,relatime shared:202 - cifs //nas/share rw,vers=3.1.1
33 21 0:53 / /mnt/ceph rw,relatime shared:203 - ceph 10.0.0.1:6789:/ rw
34 21 0:54 / /mnt/cloud rw,nosuid,nodev,relatime shared:204 - fuse.sshfs me@host:/ rw,user_id=0
35 21 0:55 / /mnt/host rw,relatime - 9p host rw,trans=virtio
36 21 0:56 / /mnt/shared rw,relatime - virtiofs shared rw
37 30 0:57 / /mnt/nas/local rw,relatime shared:205 - xfs /dev/sdb1 rw
38 21 0:58 / /mnt/twice rw,relatime - nfs4 nas.lan:/export rw
39 38 0:59 / /mnt/twice rw,relatime - tmpfs tmpfs rw
40 21 8:1 / /mnt/ntfs rw,relatime - fuseblk /dev/sda1 rw
""".strip()


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/srv/data", "ext4"),
        ("/mnt", "ext4"),
        ("/mnt/nas", "nfs4"),
        ("/mnt/nas/data", "nfs4"),
        ("/mnt/nasty", "ext4"),
        ("/mnt/old nas/data", "nfs"),
        ("/mnt/share/a/b", "cifs"),
        ("/mnt/ceph/a", "ceph"),
        ("/mnt/cloud/a", "fuse.sshfs"),
        ("/mnt/nas/local/data", "xfs"),
        ("/mnt/twice/data", "tmpfs"),
    ],
)
def test_the_nearest_mount_counts(path: str, found: str) -> None:
    assert type_at(Path(path), MOUNTS) == found


@pytest.mark.parametrize("path", ["/mnt/nas/data", "/mnt/old nas", "/mnt/share", "/mnt/ceph"])
def test_network_file_systems_are_refused_unless_they_are_allowed(
    path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(StoreError, match="network_file_systems"):
        require_local(Path(path), allow_network=False, mounts=MOUNTS)
    require_local(Path(path), allow_network=True, mounts=MOUNTS)
    assert "network file system" in capsys.readouterr().out


@pytest.mark.parametrize("path", ["/mnt/cloud/a", "/mnt/host/a", "/mnt/shared", "/mnt/ntfs"])
def test_what_is_not_known_is_warned_about(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    require_local(Path(path), allow_network=False, mounts=MOUNTS)
    assert "may not lock" in capsys.readouterr().out


@pytest.mark.parametrize("path", ["/srv/data", "/mnt/nas/local", "/mnt/twice"])
def test_local_file_systems_are_used_in_silence(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    require_local(Path(path), allow_network=False, mounts=MOUNTS)
    assert capsys.readouterr().out == ""


def test_this_machine_has_a_root() -> None:
    assert type_at(Path("/"))
    assert type_at(Path("/proc/self")) == "proc"
