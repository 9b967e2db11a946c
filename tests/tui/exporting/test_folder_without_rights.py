"""Exports into a folder that may not be written: one line, and nothing left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from storage.store import Store
from tests.tui.program import Program
from tests.tui.test_commands_sessions import asked
from tui.cli import main
from tui.exit_codes import ExitCode

NOBODY = 65534
FORMATS = ("md", "html", "json", "jsonl", "text")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder whose parents let everybody in, which pytest's do not."""
    with tempfile.TemporaryDirectory(prefix="duologue-rights-") as name:
        yield Path(name)


@pytest.mark.skipif(sys.platform == "win32", reason="the rights of a folder are POSIX's here")
def test_a_folder_without_rights_is_told_in_one_line_and_gets_no_file(place: Path) -> None:
    program = Program(place, TZ="UTC")
    with closing(Store.open(program.data / "duologue.db")) as store:
        session = asked(store, "Why?")
    shut = place / "shut"
    shut.mkdir()
    (shut / "mine.html").write_text("mine")
    shut.chmod(0o555)

    ended = subprocess.run(
        [sys.executable, "-m", "tests.tui.exporting.test_folder_without_rights", str(place), session],
        capture_output=True,
        text=True,
        env=program.environment,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    codes = [int(code) for code in ended.stdout.split()]
    # Before it gave up its rights it wrote once in each form, and was refused once.
    told = ended.stderr.splitlines()[len(FORMATS) + 1 :]
    assert codes == [ExitCode.STORE] * (len(FORMATS) * 2 + 1), told
    assert len(told) == len(codes), told
    assert all(str(shut) in line for line in told), told
    assert [each.name for each in shut.iterdir()] == ["mine.html"]
    assert (shut / "mine.html").read_text() == "mine"


def _try_all(folder: Path, session: str) -> list[int]:
    """Export into the folder in every form, as somebody who may not; the exit codes."""
    shut, export = folder / "shut", ["sessions", "export", session]
    # First as whoever runs the tests: this loads the rest of the program, as the interpreter can be in a home that is
    # shut to others.
    for form in FORMATS:
        assert main([*export, "--format", form, "-o", str(folder / "may")]) == ExitCode.OK
        (folder / "may").unlink()
    assert main([*export, "-o", str(folder / "none" / "x")]) == ExitCode.STORE
    if os.getuid() == 0:
        from tests.netbox.namespaces import become

        for place in (folder, folder / "data", *(folder / "data").rglob("*")):
            os.chown(place, NOBODY, NOBODY)
        become(NOBODY)
    to = [str(shut), str(shut / "new")]
    return [
        *(main([*export, "--format", form, "-o", path]) for form in FORMATS for path in to),
        main([*export, "--force", "-o", str(shut / "mine.html")]),
    ]


if __name__ == "__main__":
    print(*_try_all(Path(sys.argv[1]), sys.argv[2]))
