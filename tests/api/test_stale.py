"""A server whose Redis is gone: what clients and load balancers are told, and that it heals by itself."""

import httpx
from beanie import PydanticObjectId
from pydantic import SecretStr

from api.app import create_app
from models.database import Database
from models.embedded import EmbeddedStores
from permissions.authn.principal import Client, Principal, new_id
from permissions.authn.refresh import digest
from tests.own_redis import OwnRedis
from tests.permissions.authn.revocation.workers import eventually
from tests.served import settings_on

ME = {"query": "{ me { id } }"}


async def test_without_redis_clients_are_told_to_try_again_and_readyz_is_red_until_it_is_back(
    database: Database, stores: EmbeddedStores
) -> None:
    with OwnRedis() as own:
        settings = settings_on(
            stores,
            database.db.name,
            redis_url=SecretStr(own.url),
            decision_log="off",
            revocation_stale_seconds=1,
        )
        app = create_app(settings)
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://parley.test") as http,
        ):
            authentication = app.state.services.authentication
            accounts, gate = authentication.accounts, authentication.authenticator.gate
            principal = Principal(PydanticObjectId(), new_id())
            refresh = digest(accounts.refresh_tokens.issue(principal))
            token = accounts.tokens.issue(await accounts.sessions.open(principal, refresh, "test", Client()))
            headers = {"Authorization": f"Bearer {token}"}
            await eventually(lambda: not gate.stale)
            assert "errors" not in (await http.post("/graphql", json=ME, headers=headers)).json()
            own.kill()
            await eventually(lambda: gate.stale)
            refused = await http.post("/graphql", json=ME, headers=headers)
            assert refused.status_code == 503
            assert refused.headers["retry-after"] == "1"
            assert refused.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
            ready = await http.get("/readyz")
            assert (ready.status_code, ready.json()["revocations"]) == (503, "stale")
            own.start()
            await eventually(lambda: not gate.stale)
            assert "errors" not in (await http.post("/graphql", json=ME, headers=headers)).json()
            assert (await http.get("/readyz")).json()["revocations"] == "fresh"
