"""What `doctor` says about the system's own ways to write memory down: swap, core dumps, other programs that look in.

None of it can be changed from here, so it is told in plain words what that means for text that may not be kept. Linux
only; elsewhere nothing is known and nothing is said.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path("/")


def system_facts(root: Path = ROOT) -> list[tuple[str, str]]:
    """Pairs of a name and a sentence, as far as /proc and /sys below `root` tell."""
    facts = [("swap", _swap(root)), ("core dumps", _core_dumps(root)), ("tracing", _tracing(root))]
    return [(name, words) for name, words in facts if words]


def _swap(root: Path) -> str:
    lines = _read(root / "proc/swaps").splitlines()
    if not lines:
        return ""
    used = [line.split()[0] for line in lines[1:] if line.split()]
    if not used:
        return "none: memory is not written to a disk"
    plain = [device for device in used if not _is_sealed(root, device)]
    if not plain:
        return "in memory (zram) or encrypted (dm-crypt)"
    return (
        f"{', '.join(plain)}: not known to be encrypted, so words of a confidential session may be written there. "
        "Encrypt the swap, or switch it off (swapoff)."
    )


def _is_sealed(root: Path, device: str) -> bool:
    """True for swap that is compressed memory, or encrypted by the device mapper; no file is known to be."""
    name = (root / device.lstrip("/")).resolve().name
    kind = _read(root / f"sys/class/block/{name}/dm/uuid")
    return name.startswith("zram") or kind.startswith("CRYPT-")


def _core_dumps(root: Path) -> str:
    pattern = _read(root / "proc/sys/kernel/core_pattern").strip()
    if not pattern:
        return ""
    if taker := pattern.removeprefix("|").split() if pattern.startswith("|") else []:
        return f"handed to {Path(taker[0]).name}, which may keep what a program that crashed had in memory"
    return "written to a file where the limit allows it (ulimit -c 0 switches them off)"


def _tracing(root: Path) -> str:
    scope = _read(root / "proc/sys/kernel/yama/ptrace_scope").strip()
    match scope:
        case "":
            return ""
        case "0":
            return "your other programs may look into the memory of this one"
        case "1":
            return "only the program that started another may look into its memory"
        case _:
            return "only the administrator may look into the memory of programs"


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
