import pytest

from backends import Locality
from conversation import policy
from storage import Side
from tests.doubles import ScriptedBackend, answer, connector


@pytest.mark.parametrize("locality", [Locality.CLOUD, Locality.YOUR_NETWORK])
def test_a_confidential_session_admits_this_machine_only(locality: Locality) -> None:
    away = connector(ScriptedBackend("claude:", answer("x")), locality)
    here = connector(ScriptedBackend("demo:", answer("x")), Locality.THIS_MACHINE)
    pair = {Side.LEFT: away, Side.RIGHT: here}
    assert set(policy.admitted(pair, confidential=True)) == {Side.RIGHT}
    assert set(policy.admitted(pair, confidential=False)) == {Side.LEFT, Side.RIGHT}


def test_an_answer_from_elsewhere_is_refused_once_it_is_located() -> None:
    assert not policy.answer_is_acceptable(Locality.CLOUD, confidential=True)
    assert not policy.answer_is_acceptable(Locality.YOUR_NETWORK, confidential=True)
    assert policy.answer_is_acceptable(Locality.THIS_MACHINE, confidential=True)
