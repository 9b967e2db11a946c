"""Swap, core dumps and tracing in plain words, out of a tree like /proc and /sys."""

from __future__ import annotations

from pathlib import Path

import pytest

from tui.commands.system_facts import system_facts

HEAD = "Filename Type Size Used Priority\n"


def put(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(
    ("swaps", "words"),
    [
        (HEAD, "none"),
        (f"{HEAD}/dev/zram0 partition 8 0 100\n", "in memory (zram)"),
        (f"{HEAD}/dev/dm-1 partition 8 0 -2\n", "encrypted (dm-crypt)"),
        (f"{HEAD}/dev/dm-0 partition 8 0 -2\n", "/dev/dm-0: not known to be encrypted"),
        (f"{HEAD}/dev/sda2 partition 8 0 -2\n", "/dev/sda2: not known to be encrypted"),
        (f"{HEAD}/swapfile file 8 0 -2\n/dev/zram0 partition 8 0 1\n", "/swapfile: not known to be encrypted"),
    ],
)
def test_swap_that_may_keep_words_is_told(tmp_path: Path, swaps: str, words: str) -> None:
    put(tmp_path, "proc/swaps", swaps)
    put(tmp_path, "sys/class/block/dm-1/dm/uuid", "CRYPT-PLAIN-swap\n")
    put(tmp_path, "sys/class/block/dm-0/dm/uuid", "LVM-abc\n")
    assert words in dict(system_facts(tmp_path))["swap"]


def test_core_dumps_that_a_program_takes_are_told(tmp_path: Path) -> None:
    put(tmp_path, "proc/sys/kernel/core_pattern", "|/usr/lib/systemd/systemd-coredump %P %u\n")
    assert "systemd-coredump" in dict(system_facts(tmp_path))["core dumps"]


def test_system_without_proc_has_no_facts(tmp_path: Path) -> None:
    assert system_facts(tmp_path) == []
