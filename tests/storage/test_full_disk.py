from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

UNSHARE = ["unshare", "--map-root-user", "--mount"]


def small_disks() -> bool:
    return shutil.which("unshare") is not None and not subprocess.run([*UNSHARE, "true"], check=False).returncode


@pytest.mark.skipif(not small_disks(), reason="needs unshare and permission to mount, for a small disk of its own")
def test_the_reserve_lets_more_in_when_the_disk_is_full(tmp_path: Path) -> None:
    script = 'mount -t tmpfs -o size=2m none "$1" && exec "$2" -m tests.storage.full_disk "$1"'
    ended = subprocess.run(
        [*UNSHARE, "sh", "-c", script, "sh", str(tmp_path), sys.executable],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "turns after the disk was full" in ended.stdout
