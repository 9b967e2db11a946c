"""Exported files on a bad day: a full disk leaves nothing behind, 5 MB of one answer are written."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from storage.errors import DiskFull
from storage.store import Store
from tests.storage.samples import FULL_SETTLEMENT, new_session, new_turn
from tests.storage.test_full_disk import UNSHARE, small_disks
from tui.exporting.formats import Format
from tui.exporting.to_file import write_file

LONG = "A long word. " * 400_000


def write_all(folder: Path) -> list[str]:
    """Export 5 MB in every form; what could not be written."""
    failed = []
    with closing(Store.open(None)) as store:
        turn = new_turn(store, new_session(store))
        store.append_parts([(turn.replies[0].id, LONG, "")])
        store.settle_reply(turn.replies[0].id, FULL_SETTLEMENT)
        for form in Format:
            try:
                write_file(store, [turn.session_id], form, folder / f"x{form.ending}")
            except DiskFull:
                failed.append(str(form))
    return failed


def test_five_megabytes_of_one_answer_are_written_in_every_form(tmp_path: Path) -> None:
    assert write_all(tmp_path) == []
    assert all(LONG[:-1] in (tmp_path / f"x{form.ending}").read_text() for form in Format)


@pytest.mark.skipif(not small_disks(), reason="needs unshare and permission to mount, for a small disk of its own")
def test_a_full_disk_is_told_and_no_part_of_a_file_is_left(tmp_path: Path) -> None:
    script = 'mount -t tmpfs -o size=2m none "$1" && exec "$2" -m tests.tui.exporting.test_to_file "$1"'
    ended = subprocess.run(
        [*UNSHARE, "sh", "-c", script, "sh", str(tmp_path), sys.executable],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "md html json jsonl text []\n"


if __name__ == "__main__":
    print(*write_all(Path(sys.argv[1])), [each.name for each in Path(sys.argv[1]).iterdir()])
