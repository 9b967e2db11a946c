from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.errors import KeyRejected, MissingKey
from backends.keys import ApiKey, ApiKeys, checked_key
from tests.backends.secret_service import (
    Finished,
    SecretService,
    missing_programs,
    private_bus,
    run_python,
    secret_service,
    silent_owner,
)

HOST = "api.anthropic.com"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[SecretService]:
    """An unlocked keyring."""
    if missing_programs():
        pytest.skip(f"not on this machine: {missing_programs()}")
    with secret_service(tmp_path) as running:
        yield running


def script(body: str, *, environment_key: str | None = None, timeout: float = 3.0) -> str:
    """A program that uses keys: `body` is the inside of an async function with `keys`, `tell` and `refusal`."""
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    return f"""
import asyncio, json
from backends.errors import BackendError
from backends.keys import ApiKeys, KeyringProblem, checked_key

HOST = {HOST!r}
keys = ApiKeys(environment={environment_key!r}, environment_host=HOST, timeout={timeout})

def tell(*values):
    print(json.dumps(values), flush=True)

async def refusal(awaitable):
    try:
        await awaitable
    except BackendError as error:
        return error.kind, str(error)

async def main():
{lines}

asyncio.run(main())
"""


# ---- the key itself ------------------------------------------------------------------------------------------------


def test_key_shows_itself_only_when_asked() -> None:
    key = ApiKey("sk-ant-secret")

    assert "secret" not in f"{key} {key!r} {[key]}"
    assert key.reveal() == "sk-ant-secret"
    assert key == ApiKey("sk-ant-secret")
    assert key != ApiKey("sk-ant-other")
    assert not hasattr(key, "__dict__")


def test_key_cannot_be_pickled_or_copied() -> None:
    for write in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            write(ApiKey("sk-ant-secret"))


def test_white_space_around_a_key_is_dropped() -> None:
    assert checked_key("  sk-ant-1\n").reveal() == "sk-ant-1"


@pytest.mark.parametrize("text", ["", " \n ", "sk ant", "sk\nant", "sk-änt", "sk-\u200bant", "k" * 1025, "sk\x00"])
def test_what_cannot_be_a_key_is_rejected_without_repeating_it(text: str) -> None:
    with pytest.raises(KeyRejected) as rejected:
        checked_key(text)

    assert not text.strip() or text not in str(rejected.value)


# ---- without a keyring ---------------------------------------------------------------------------------------------


def without_a_keyring(body: str, home: Path, **environment: str) -> Finished:
    return run_python(
        script(body), {"HOME": str(home), "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere", **environment}
    )


async def test_key_for_this_run_comes_first_and_belongs_to_its_host_alone() -> None:
    keys = ApiKeys(environment="sk-env", environment_host=HOST)
    keys.use_for_this_run(HOST, checked_key("sk-run"))

    assert (await keys.get(HOST)).reveal() == "sk-run"


def test_no_keyring_means_the_key_from_the_environment(tmp_path: Path) -> None:
    body = """
tell((await keys.get(HOST)).reveal(), (await keys.status(HOST)).source, (await keys.status(HOST)).problem)
"""
    finished = run_python(
        script(body, environment_key=" sk-env\n"),
        {"HOME": str(tmp_path), "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere"},
    )

    assert finished.result == ["sk-env", "environment", "This system has no keyring that can be used."]


def test_key_from_the_environment_is_for_one_host_only(tmp_path: Path) -> None:
    finished = run_python(
        script("tell(*await refusal(keys.get('elsewhere.example')))", environment_key="sk-env"),
        {"HOME": str(tmp_path), "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere"},
    )
    kind, text = finished.result

    assert kind == MissingKey.kind
    assert "ANTHROPIC_API_KEY" not in text


def test_missing_key_says_how_to_give_one(tmp_path: Path) -> None:
    kind, text = without_a_keyring("tell(*await refusal(keys.get(HOST)))", tmp_path).result

    assert kind == MissingKey.kind
    for way in ("F9", "duologue key set", "ANTHROPIC_API_KEY"):
        assert way in text


def test_malformed_key_in_the_environment_is_named_and_not_repeated(tmp_path: Path) -> None:
    finished = run_python(
        script("tell(*await refusal(keys.get(HOST)))", environment_key="sk secret"),
        {"HOME": str(tmp_path), "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere"},
    )
    kind, text = finished.result

    assert kind == KeyRejected.kind
    assert "ANTHROPIC_API_KEY" in text
    assert "secret" not in text


PLAIN_KEYRING = """
import pathlib
from keyring.backend import KeyringBackend

class PlaintextKeyring(KeyringBackend):
    priority = 9
    def get_password(self, service, username):
        return None
    def set_password(self, service, username, password):
        pathlib.Path(__file__).with_name("plain.txt").write_text(password)
"""


@pytest.mark.parametrize(
    ("backend", "says"),
    [
        ("keyring.backends.null.Keyring", "switched off"),
        ("keyring.backends.fail.Keyring", "no keyring"),
        ("nowhere.to.be.found.Keyring", "no module nowhere"),
        ("keyring.backends.null.NoSuchClass", "failed"),
        ("plain_keyring.PlaintextKeyring", "refused"),
    ],
)
def test_backend_that_does_not_encrypt_is_refused(backend: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "plain_keyring.py").write_text(PLAIN_KEYRING)
    body = """
tell(*await refusal(keys.set(HOST, checked_key("sk-secret"))), (await keys.status(HOST)).source)
"""
    finished = run_python(
        script(body),
        {
            "HOME": str(tmp_path),
            "PYTHON_KEYRING_BACKEND": backend,
            "PYTHONPATH": f"{tmp_path}:{Path(__file__).parent.parent.parent}",
        },
    )
    kind, text, source = finished.result

    assert kind == "keyring-problem"
    assert says in text
    assert source == "none"
    assert not (tmp_path / "plain.txt").exists()


# ---- with a real Secret Service ------------------------------------------------------------------------------------


@pytest.mark.secret_service
def test_key_is_stored_read_and_deleted(service: SecretService) -> None:
    stored = service.run(
        script("""
await keys.set(HOST, checked_key("sk-ant-of-the-test"))
status = await keys.status(HOST)
tell(status.source, status.keyring, status.problem)
""")
    )
    read = service.run(script("tell((await keys.get(HOST)).reveal())", environment_key="sk-env"))
    deleted = service.run(
        script("tell(await keys.delete(HOST), await keys.delete(HOST), (await refusal(keys.get(HOST)))[0])")
    )

    assert stored.result == ["keyring", "Secret Service", ""]
    assert read.result == ["sk-ant-of-the-test"]
    assert deleted.result == [True, False, MissingKey.kind]


@pytest.mark.secret_service
def test_stored_key_is_for_its_host_only(service: SecretService) -> None:
    finished = service.run(
        script("""
await keys.set(HOST, checked_key("sk-ant-of-the-test"))
tell((await refusal(keys.get("elsewhere.example")))[0])
""")
    )

    assert finished.result == [MissingKey.kind]


@pytest.mark.secret_service
def test_key_is_in_no_file_of_the_home(service: SecretService, tmp_path: Path) -> None:
    service.run(script('await keys.set(HOST, checked_key("sk-ant-canary")); tell()'))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]

    assert files
    assert not [path for path in files if b"sk-ant-canary" in path.read_bytes()]


@pytest.mark.secret_service
def test_chain_of_keyrings_stores_in_the_encrypting_one(service: SecretService, tmp_path: Path) -> None:
    (tmp_path / "plain_keyring.py").write_text(PLAIN_KEYRING)
    finished = service.run(
        "import plain_keyring\n"
        + script("""
await keys.set(HOST, checked_key("sk-ant-chain"))
tell((await keys.status(HOST)).keyring)
"""),
        PYTHON_KEYRING_BACKEND="keyring.backends.chainer.ChainerBackend",
        PYTHONPATH=f"{tmp_path}:{Path(__file__).parent.parent.parent}",
    )

    assert finished.result == ["Secret Service"]
    assert not (tmp_path / "plain.txt").exists()


@pytest.mark.secret_service
def test_locked_keyring_that_cannot_ask_says_so(service: SecretService) -> None:
    service.run(script('await keys.set(HOST, checked_key("sk-ant-1")); tell()'))
    service.lock()
    kind, text = service.run(script("tell(*await refusal(keys.get(HOST)))")).result

    assert kind == MissingKey.kind
    assert "locked" in text


def answers_in_time_and_lets_the_process_end(service: SecretService) -> None:
    """What holds whenever a keyring does not answer."""
    finished = service.run(
        script("""
import time
started = time.monotonic()
first = await refusal(keys.get(HOST))
took = time.monotonic() - started
started = time.monotonic()
await refusal(keys.set(HOST, checked_key("sk-1")))
keys.use_for_this_run(HOST, checked_key("sk-run"))
tell(*first, took, time.monotonic() - started, (await keys.get(HOST)).reveal(), (await keys.status(HOST)).problem)
""")
    )
    kind, text, took, again, this_run, problem = finished.result

    assert kind == "keyring-problem"
    assert "waiting for its password" in text
    assert 2.9 < took < 4
    assert again < 0.5  # known to wait: nobody waits for it twice
    assert this_run == "sk-run"
    assert "waiting for its password" in problem
    assert finished.seconds - finished.answered_after < 1


@pytest.mark.secret_service
def test_prompt_that_nobody_answers_holds_up_neither_the_answer_nor_the_exit(service: SecretService) -> None:
    service.run(script('await keys.set(HOST, checked_key("sk-ant-1")); tell()'))
    service.lock()
    with silent_owner(service, "org.gnome.keyring.SystemPrompter"):
        answers_in_time_and_lets_the_process_end(service)


@pytest.mark.secret_service
def test_service_that_never_answers_holds_up_neither_the_answer_nor_the_exit(tmp_path: Path) -> None:
    if missing_programs():
        pytest.skip(f"not on this machine: {missing_programs()}")
    with private_bus(tmp_path) as service, silent_owner(service, "org.freedesktop.secrets"):
        answers_in_time_and_lets_the_process_end(service)


@pytest.mark.secret_service
def test_key_from_the_environment_is_used_while_the_keyring_waits(service: SecretService) -> None:
    service.lock()
    with silent_owner(service, "org.gnome.keyring.SystemPrompter"):
        finished = service.run(
            script("tell((await keys.get(HOST)).reveal())", environment_key="sk-env", timeout=0.5),
        )

    assert finished.result == ["sk-env"]


@pytest.mark.secret_service
def test_answer_that_comes_late_is_kept_for_the_next_one(service: SecretService) -> None:
    service.run(script('await keys.set(HOST, checked_key("sk-ant-late")); tell()'))
    finished = service.run(
        script(
            """
first = await refusal(keys.get(HOST))
deadline = asyncio.get_running_loop().time() + 10
while (answer := await refusal(keys.get(HOST))) and asyncio.get_running_loop().time() < deadline:
    await asyncio.sleep(0.02)
tell(first[0], (await keys.get(HOST)).reveal())
""",
            timeout=0.01,  # importing keyring alone takes longer
        )
    )

    assert finished.result == ["keyring-problem", "sk-ant-late"]
