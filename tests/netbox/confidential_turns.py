"""To be run in the box: hundreds of confidential turns at one level, with everything set against them.

The models are on loopback: an Ollama on the left, an OpenAI-compatible server on the right, which the program knows
as `localhost`; by the box's hosts file that is somebody else. Every seventh turn both answer with a redirect to
somewhere else; the other answers are hostile Markdown. The first turns are typed into the real program in a
pseudo-terminal; the rest, for speed, goes through the same engine without the screen (`engine_turns.py`). Prints what
the servers counted and what the ledger says, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.pseudo_terminal import PseudoTerminal
from tests.backends import ollama_server, openai_server
from tests.backends.scripted_server import Handler, Received, Reply, ScriptedServer
from tests.netbox.hostile_surroundings import REDIRECTED_TO, variables
from tui.confinement.levels import Level

EVERY = 7
MARKDOWN = (
    f"![pixel](http://{REDIRECTED_TO}/pixel.png) [link](http://{REDIRECTED_TO}/?q=words) <img src=//{REDIRECTED_TO}/>"
    f"\x1b]8;;http://{REDIRECTED_TO}/\x1b\\osc 8\x1b]8;;\x1b\\ \x1b]52;c;UFdO\x07 <http://{REDIRECTED_TO}/auto>\n\n"
    f"```sh\ncurl http://{REDIRECTED_TO}/\n```\n[ref]: http://{REDIRECTED_TO}/ref"
)
DEADLINE_SECONDS = 30.0
WORDS = {Level.NAMESPACE: "namespace", Level.SECCOMP: "seccomp", Level.GUARD: "guard"}
"""How the level is named to the program."""


def main() -> None:
    level, canary, typed, by_the_engine, home = sys.argv[1:]
    run = _Run(Path(home), canary, Level(level))
    print(json.dumps(asyncio.run(run.run(int(typed), int(by_the_engine)))))


class _Run:
    """One level, from the first turn to the ledger."""

    def __init__(self, home: Path, canary: str, level: Level) -> None:
        self._home = home
        self._canary = canary
        self._level = level
        self._asked = {"left": 0, "right": 0}

    async def run(self, typed: int, by_the_engine: int) -> dict[str, object]:
        ollama = ollama_server.ScriptedOllama()
        ollama.chat = self._answers("left", ollama_server.says(ollama_server.piece(MARKDOWN), ollama_server.last()))
        openai = openai_server.ScriptedOpenAI(openai_server.LLAMA)
        chunks = (openai_server.delta(MARKDOWN), openai_server.delta(finish="stop"), openai_server.usage(), "[DONE]")
        openai.chat = self._answers("right", openai_server.says(*chunks))
        async with ollama.served() as left, openai.served() as right:
            began = time.monotonic()
            await asyncio.to_thread(self._type, typed, left, right)
            in_between = time.monotonic()
            received, sent = left.bytes_received + right.bytes_received, left.bytes_sent + right.bytes_sent
            ledger = await asyncio.to_thread(self._by_the_engine, by_the_engine, left, right)
            return {
                "asked": self._asked,
                "received": left.bytes_received + right.bytes_received - received,
                "sent": left.bytes_sent + right.bytes_sent - sent,
                "ledger": ledger,
                "seconds": [round(in_between - began, 1), round(time.monotonic() - in_between, 1)],
            }

    def _answers(self, side: str, usual: Handler) -> Handler:
        async def chat(request: Received, reply: Reply) -> None:
            self._asked[side] += 1
            if self._asked[side] % EVERY:
                await usual(request, reply)
            else:
                target = f"http://{REDIRECTED_TO}:11434{request.path}"
                await reply.whole(b"", 307, headers={"location": target})

        return chat

    def _environment(self, ollama: ScriptedServer) -> dict[str, str]:
        return {
            "PATH": os.defpath,
            "HOME": str(self._home),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "PYTHONPATH": os.environ["PYTHONPATH"],
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
            "DUOLOGUE_DATA_DIR": str(self._home),
            "DUOLOGUE_CONFIG_DIR": str(self._home),
            "DUOLOGUE_CONFINEMENT": WORDS[self._level],
            **variables(self._home),
            # Where it is told to look, or there would be no Ollama to ask; one that is elsewhere is refused.
            "OLLAMA_HOST": f"127.0.0.1:{ollama.port}",
        }

    def _type(self, turns: int, left: ScriptedServer, right: ScriptedServer) -> None:
        pair = ["--left", "ollama:qwen3:8b", "--right", f"openai:http://localhost:{right.port}#tiny"]
        words = ["--confidential", "--off-the-record", "--attest", f"localhost:{right.port}", *pair]
        command = [sys.executable, "-m", "tui", *words]
        with PseudoTerminal(command, self._environment(left), self._home) as program:
            program.wait_for(b"CONFIDENTIAL")
            assert _level_of(program._process.pid) is self._level
            for turn in range(1, turns + 1):
                # A prompt that is typed while the answers come is queued; one can be.
                program.write(f"{self._canary} {turn}\r".encode())
                _wait(lambda turn=turn: min(self._asked.values()) >= turn, program)  # type: ignore[misc]
            program.wait_until_quiet()  # the last answers are on the screen, and nothing is asked any more

    def _by_the_engine(self, turns: int, left: ScriptedServer, right: ScriptedServer) -> object:
        models = [f"ollama:{left.port}", f"openai:http://127.0.0.1:{right.port}#tiny"]
        done = subprocess.run(
            [sys.executable, "-m", "tests.netbox.engine_turns", self._level.value, self._canary, str(turns), *models],
            env=self._environment(left),
            stdout=subprocess.PIPE,
            check=True,
        )
        return json.loads(done.stdout)


def _level_of(process_id: int) -> Level:
    """What holds a process, by the kernel's word; what nothing of the kernel holds is at the guard's level."""
    process = Path("/proc", str(process_id))
    if (process / "ns/net").readlink() != Path("/proc/self/ns/net").readlink():
        return Level.NAMESPACE
    status = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines())
    return Level.SECCOMP if status["Seccomp"] == "2" else Level.GUARD


def _wait(reached: Callable[[], bool], program: PseudoTerminal) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not reached():
        assert time.monotonic() < deadline, program.output()[-3000:].decode(errors="replace")
        time.sleep(0.002)


if __name__ == "__main__":
    main()
