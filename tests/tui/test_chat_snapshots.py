"""How the chat looks, as lines of text, at the three sizes that count."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from backends import Finished, Locality, Located, Stop, TextDelta, ThinkingDelta, Timings, Usage
from backends.errors import Overloaded
from tests.doubles import ScriptedBackend, Step
from tests.tui.app_services import FakeWorld
from tests.tui.screen_text import screen_lines, until
from tests.tui.test_chat import Run, run, send, settled, talk
from tui.widgets.transcript import Transcript

__all__ = ["run"]

SIZES = [(80, 24), (120, 40), (200, 60)]
LONG = """Clause 7 sets three duties:

1. **Repair** within 14 days of notice (7.2), at the tenant's own cost.
2. **Report** damage "without delay" (7.3).
3. **Insure** the contents.

| duty | by when |
|---|---|
| repair | 14 days |
| report | at once |

```python
def late(days: int) -> bool:
    return days > 14
```
"""
SHORT = """Under clause 7 the tenant must

- keep the premises in repair
- report damage at once

中文 and émoji 🙂 keep their columns."""


def whole(text: str, locality: Locality, *, thinking: str = "", cost: float = 0.0) -> list[Step]:
    usage = Usage(input_tokens=900, output_tokens=312, thinking_tokens=64 if thinking else None)
    end = Finished("m", Stop.END, usage, Timings(generation=3.7), context_tokens=8192, cost_usd=cost)
    first: list[Step] = [Located(locality, "somewhere", "a test says so")]
    return [*first, *([ThinkingDelta(thinking)] if thinking else []), TextDelta(text), end]


def a_world() -> FakeWorld:
    return FakeWorld(
        ScriptedBackend("claude:", whole(LONG, Locality.CLOUD, thinking="Let me see.", cost=0.0042)),
        ScriptedBackend(
            "ollama:llama3.1:8b", whole(SHORT, Locality.THIS_MACHINE), [Overloaded("The server is busy.")]
        ),
    )


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_two_answers(run: Run, size: tuple[int, int], snapshot: SnapshotAssertion) -> None:
    world = a_world()
    async with run(world, size) as (app, pilot):
        await send(app, pilot, "What does clause 7 oblige the tenant to do, and by when?")
        await until(lambda: settled(world) and not app.screen.query_one(Transcript).streaming)
        await pilot.pause()
        assert screen_lines(app) == snapshot


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_a_confidential_session(run: Run, size: tuple[int, int], snapshot: SnapshotAssertion) -> None:
    world = a_world()
    async with run(world, size) as (app, pilot):
        await pilot.press("f8")
        await until(lambda: "Make this session confidential?" in screen_lines(app))
        await pilot.press("y")
        await until(lambda: talk(app).confidential)
        await send(app, pilot, "Summarise the report.")
        await until(lambda: settled(world) and not app.screen.query_one(Transcript).streaming)
        await pilot.pause()
        assert screen_lines(app) == snapshot


async def test_stacked_below_one_another(run: Run, snapshot: SnapshotAssertion) -> None:
    world = a_world()
    async with run(world, (120, 40)) as (app, pilot):
        await send(app, pilot, "q")
        await until(lambda: settled(world) and not app.screen.query_one(Transcript).streaming)
        await pilot.press("f3", "f3", "f3")
        await pilot.pause()
        assert screen_lines(app) == snapshot
