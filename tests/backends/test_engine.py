import httpx

from backends.engine import EngineAddress


def test_engine_wants_its_key(demo_engine: EngineAddress) -> None:
    with httpx.Client(trust_env=False) as client:
        assert client.get(f"{demo_engine.url}/slots").status_code == 401
        authorization = {"Authorization": f"Bearer {demo_engine.api_key}"}
        assert client.get(f"{demo_engine.url}/slots", headers=authorization).status_code == 200
