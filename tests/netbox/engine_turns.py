"""To be run in the box: confidential turns through the real engine, without a screen, in a confined process.

Each turn goes to one side, in turn.

Takes a level, both models, the canary and the number of turns; the environment is not cleaned, as it would be by the
program's own start, so the layers stand alone against it. Prints the ledger's sums as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys

from tui.confinement.barrier import Confinement, enter
from tui.confinement.broker import Target
from tui.confinement.levels import Level

TURNS_OF_A_SESSION = 25
"""Then a new one, so that most of the time does not go into sending the past."""


def main() -> None:
    level, canary, turns, *models = sys.argv[1:]
    ports = [int(model.rpartition(":")[2].partition("#")[0]) for model in models]
    confinement = enter([Target("127.0.0.1", port) for port in ports], at_most=Level(level))
    assert confinement.level is Level(level), confinement.reasons
    print(json.dumps(asyncio.run(_asked(confinement, canary, int(turns), models, ports))))


async def _asked(
    confinement: Confinement, canary: str, turns: int, models: list[str], ports: list[int]
) -> dict[str, object]:
    from conversation.updates import Update
    from storage import Side
    from storage.store import Store
    from tui import settings
    from tui.egress import hold
    from tui.ledger_words import sum_in_words
    from tui.wiring import Wiring

    wiring = Wiring(settings.load(handed_over={"OLLAMA_HOST": f"127.0.0.1:{ports[0]}"}), confinement=confinement)
    wiring.guard = hold(confinement)
    wiring.attested.add(wiring.attested_name(f"127.0.0.1:{ports[1]}"), "", keep=False)
    store = wiring.store(keep=False)
    await store.start()

    def show(_: Update) -> None:
        """Nobody looks."""

    pair = {
        Side.LEFT: wiring.connector(Side.LEFT, "ollama:qwen3:8b"),
        Side.RIGHT: wiring.connector(Side.RIGHT, models[1]),
    }
    library = wiring.library(store)
    conversation = library.start(pair, confidential=True)
    outcomes: dict[str, int] = {}
    for turn in range(turns):
        if turn % TURNS_OF_A_SESSION == 0:
            await conversation.aclose()
            conversation = library.start(pair, confidential=True)
        side = (Side.LEFT, Side.RIGHT)[turn % 2]
        asked = await conversation.ask(f"{canary} {turn}", show, sides=frozenset({side}))
        for reply in asked.replies:
            outcomes[reply.outcome.value] = outcomes.get(reply.outcome.value, 0) + 1
    await conversation.aclose()
    totals = await store.run(Store.request_totals, None)
    await wiring.aclose()
    store.close()
    return {
        "level": confinement.level.value,
        "outcomes": outcomes,
        "sent": sum(total.bytes_sent for total in totals),
        "received": sum(total.bytes_received for total in totals),
        "words": sum_in_words(totals),
    }


if __name__ == "__main__":
    main()
