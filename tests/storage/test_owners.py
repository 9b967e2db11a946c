from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from storage.owners import Owner
from storage.records import Outcome
from storage.store import Store
from tests.storage.samples import later, new_session, new_turn

STORES = ("memory", "file", "vault")

HOLDER = """
import sys, time
from pathlib import Path
from storage.owners import Owner
owner = Owner(Path(sys.argv[1]))
print(owner.name, flush=True)
sys.stdin.read()
owner.release()
"""


def holder(path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_an_owner_lives_until_its_process_ends_however_it_ends(path: Path) -> None:
    path.parent.mkdir()
    mine = Owner(path)
    with holder(path) as killed, holder(path) as ended:
        assert killed.stdout
        assert ended.stdout
        names = [killed.stdout.readline().strip(), ended.stdout.readline().strip()]
        assert mine.living() == {mine.name, *names}
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait()
        assert mine.living() == {mine.name, names[1]}
        ended.communicate("")
        assert mine.living() == {mine.name}
    assert [name.stem for name in (path.parent / "run").iterdir()] == [mine.name]
    mine.release()
    mine.release()
    assert list((path.parent / "run").iterdir()) == []


def test_replies_of_a_dead_program_are_settled_with_what_was_stored(path: Path) -> None:
    dead = Store.open(path)
    turn = new_turn(dead, new_session(dead))
    left, right = turn.replies
    dead.append_parts([(left.id, "Half an ", "thought"), (left.id, "answer", "")])
    dead.close()  # open replies stay open: nobody settled them
    with closing(Store.open(path)) as store:
        assert store.reply(left.id).outcome is Outcome.OPEN
        assert store.repair_open_replies(later(100)) == 2
        repaired = store.reply(left.id)
        assert (repaired.outcome, repaired.ended) == (Outcome.INTERRUPTED, later(100))
        assert (repaired.text, repaired.thinking) == ("Half an answer", "thought")
        assert store.reply(right.id).outcome is Outcome.INTERRUPTED
        assert store.repair_open_replies(later(200)) == 0
        assert store._db.number("SELECT count(*) FROM reply_parts") == 0


def test_replies_of_another_living_program_are_left_alone(path: Path) -> None:
    with closing(Store.open(path)) as living, closing(Store.open(path)) as starting:
        reply = new_turn(living, new_session(living)).replies[0]
        assert starting.repair_open_replies(later(100)) == 0
        living.append_parts([(reply.id, "still here", "")])
        assert starting.reply(reply.id).text == "still here"


def test_the_own_open_replies_are_left_alone(store: Store) -> None:
    reply = new_turn(store, new_session(store)).replies[0]
    assert store.repair_open_replies(later(100)) == 0
    assert store.reply(reply.id).outcome is Outcome.OPEN


def test_owner_names_are_never_used_again(path: Path) -> None:
    path.parent.mkdir()
    names = set()
    for _ in range(20):
        owner = Owner(path)
        names.add(owner.name)
        owner.release()
    assert len(names) == 20
