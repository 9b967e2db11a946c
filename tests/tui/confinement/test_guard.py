from __future__ import annotations

from tests.tui.confinement.confined import confined
from tests.tui.confinement.test_barrier import listener
from tui.confinement.levels import Level


def test_confidential_guard_refuses_what_python_tries() -> None:
    tried = confined(
        """
heard = []
confinement.guard.refused = heard.append
async def looked_up():
    await asyncio.get_running_loop().getaddrinfo("canary.invalid", 80)
result = dict(
    connect=tried(lambda: socket.create_connection(("198.51.100.66", 443), 1)),
    other_port=tried(lambda: socket.create_connection(("127.0.0.1", 10), 1)),
    name=tried(lambda: socket.getaddrinfo("canary.invalid", 80)),
    name_in_a_thread=tried(lambda: asyncio.run(looked_up())),
    back=tried(lambda: socket.gethostbyaddr("198.51.100.66")),
    datagram=tried(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("198.51.100.66", 53))),
    listener=tried(lambda: socket.socket().bind(("0.0.0.0", 0))),
    browser=tried(lambda: webbrowser.get("true %s").open("http://198.51.100.66/")),
    vouched=None,
)
with confinement.guard.vouching("198.51.100.66"):
    result["vouched"] = tried(lambda: socket.create_connection(("198.51.100.66", 443), 1))
assert len(heard) == len(result), heard
""",
        level=Level.GUARD,
        targets=(("127.0.0.1", 9),),
    )

    assert set(tried.values()) == {"EgressRefused:EACCES"}


def test_confidential_guard_lets_the_listed_address_through() -> None:
    with listener() as port:
        script = f'with socket.create_connection(("127.0.0.1", {port}), 5) as one: result = one.recv(5).decode()'

        assert confined(script, level=Level.GUARD, targets=(("127.0.0.1", port),)) == "hello"


def test_confidential_guard_lets_a_listed_name_through_for_the_door_only() -> None:
    tried = confined(
        """
result = [tried(lambda: socket.create_connection(("198.51.100.66", 80), 0.01))]
with confinement.guard.vouching("host.invalid"):
    result.append(tried(lambda: socket.create_connection(("198.51.100.66", 80), 0.01)))
    result.append(tried(lambda: socket.create_connection(("198.51.100.66", 81), 0.01)))
""",
        level=Level.GUARD,
        targets=(("host.invalid", 80),),
    )

    assert tried[0] == tried[2] == "EgressRefused:EACCES"
    assert tried[1] != "EgressRefused:EACCES"


def test_ordinary_guard_lets_the_door_through_and_refuses_a_surprise() -> None:
    with listener() as port:
        got = confined(
            f"""
from tui.confinement.guard import Guard
import asyncio
guard, heard = Guard(confidential=False), []
guard.refused = heard.append
guard.install()
async def dialled():
    with guard.vouching("localhost"):
        reader, writer = await asyncio.open_connection("localhost", {port}, family=socket.AF_INET)
        said = await reader.read(5)
        writer.close()
        return said.decode()
result = [asyncio.run(dialled()), tried(lambda: socket.create_connection(("127.0.0.1", {port}), 1)),
          tried(lambda: socket.getaddrinfo("telemetry.invalid", 443)), [one.host for one in heard]]
""".replace("confinement = ", ""),
            level=Level.GUARD,
            targets=(("127.0.0.1", port), ("localhost", port)),
        )

    assert got[0] == "hello"
