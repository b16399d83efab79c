"""Redis goes away while answers are written, and comes back: none hangs, none is given twice."""

from datetime import timedelta
from functools import partial

import httpx
import pytest
from pydantic import SecretStr

from api.app import create_app
from api.assistant.account import assistant_account
from api.assistant.desk import Desk, Rules
from api.assistant.endpoint import ChatCompletions
from api.assistant.worker import Assistant, answering
from api.interrupting import Interrupter
from models.database import Database
from models.embedded import EmbeddedStores
from models.user import User
from permissions.administration import Administration
from permissions.authn.passwords import Passwords
from tests.api.assistant.conftest import KEY, start
from tests.api.assistant.stub import HEAD, Held, chunk, stub
from tests.api.assistant.waits import begun, until
from tests.own_redis import OwnRedis
from tests.permissions.authn.conftest import CHEAP
from tests.permissions.authn.revocation.workers import eventually
from tests.seeds import Seeds
from tests.served import QUIET, Served, demo, schema, settings_on


async def test_redis_is_away_for_a_while(
    database: Database, stores: EmbeddedStores, seeds: Seeds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.authentication.Passwords", partial(Passwords, hasher=CHEAP))
    await seeds.sow(database, demo)
    with OwnRedis() as own:
        settings = settings_on(
            stores,
            database.db.name,
            **QUIET,
            redis_url=SecretStr(own.url),
            decision_log="off",
        )
        app = create_app(settings, schema())
        async with (
            stub() as endpoint,
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://parley.test") as http,
        ):
            services = app.state.services
            people = {user.email.partition("@")[0]: user for user in await User.find_all().to_list()}
            served = Served(http, services, people, app=app)
            office = Administration(services.changes, services.authentication.accounts.credentials)
            completions = ChatCompletions(endpoint.url, KEY, 1024 * 1024)
            rules = Rules("m", lease_seconds=1.0, backoff_seconds=0.1, tries=50)
            assistant = Assistant(Desk(services, completions, await assistant_account(office), rules))
            half = await start(await served.as_("alice"), assistant)
            whole = await start(await served.as_("bob"), assistant)
            spoken = Held(HEAD + chunk("half"), chunk(" and half") + chunk(finish="stop"))
            silent = Held(HEAD, chunk("late") + chunk(finish="stop"))
            requests = services.database.db.answers

            async def tried() -> bool:
                """Whether each has met with what is away."""
                states = [each["state"] async for each in requests.find({})]
                return sorted(states) == ["failed", "queued"]

            async def over() -> bool:
                return not [each async for each in requests.find({}) if each["state"] in {"queued", "running"}]

            async with answering(assistant):
                endpoint.will(spoken)
                first = await half.say("Hello?")
                await begun(half, first)
                endpoint.will(silent)
                second = await whole.say("Hello?")
                await silent.said.wait()
                own.kill()
                spoken.free.set()
                silent.free.set()
                await until(tried)
                own.start()
                await until(over)
            await completions.aclose()
            await Interrupter(services.database.db, services.tree, services.texts, services.broker, timedelta(0)).run()
            await eventually(lambda: not services.authentication.authenticator.gate.stale)
            for chat, asked, expected in (
                (half, first, ("FAILED", "INTERRUPTED", "half", "INTERRUPTED")),
                (whole, second, ("DONE", None, "fine", "COMPLETE")),
            ):
                answer = await chat.answer(asked)
                said = answer["message"]
                assert (answer["state"], answer["reason"], said["content"], said["status"]) == expected
                assert said["siblingCount"] == 1
