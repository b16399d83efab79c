"""`parley assistant`: answers messages, by an endpoint that speaks OpenAI's chat completions."""

import asyncio

from api.assistant.opening import open_assistant
from api.cli.errors import CommandError
from api.cli.saying import say
from api.cli.stores import reachable, require_redis
from api.logs import configure_logs
from api.services import open_services
from api.settings import Settings
from api.supervisor import stopping


def assistant() -> None:
    """Answer where conversations ask for it, until Ctrl-C or SIGTERM. As many of these as you like may run.

    Needs PARLEY_ASSISTANT_BASE_URL, PARLEY_ASSISTANT_KEY where the endpoint wants one, PARLEY_ASSISTANT_MODEL, and else
    the settings of `parley serve`. The demo answers by itself.
    """
    settings = Settings()
    if settings.assistant_base_url is None:
        raise CommandError("PARLEY_ASSISTANT_BASE_URL is not set: the endpoint that answers, as `https://…/v1`")
    if settings.secret_key is None:
        raise CommandError("PARLEY_SECRET_KEY is not set: the same as that of `parley serve`")
    configure_logs(settings)
    with reachable(settings) as at_stores:
        asyncio.run(_answer(at_stores))
    say("stopped")


async def _answer(settings: Settings) -> None:
    await require_redis(settings)
    # What servers do beside their requests is theirs.
    idle = settings.model_copy(update={"search_seconds": 0, "usage_seconds": 0, "interrupt_seconds": 0})
    async with open_services(idle) as services, open_assistant(settings, services) as answers:
        loop = asyncio.get_running_loop()
        for number in stopping():
            loop.add_signal_handler(number, answers.stop)
        say(f"answers by {settings.assistant_base_url}, as {settings.assistant_model}; Ctrl-C stops it")
        await answers.run()
