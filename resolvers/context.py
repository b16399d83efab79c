"""What a resolver has at hand: who asks, what he may do, and the stores."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Final, Protocol, Self

import strawberry

from models.attachments.store import Attachments
from models.conversation import Conversation
from models.database import Database
from models.listing.starts import Starts
from models.search.search import MessageSearch
from models.tree import History, MessageTree
from models.tree.meter import Meter
from models.usage.usage import Usage
from permissions.access import Access, Takings
from permissions.administration import Administration
from permissions.audit.events import Origin
from permissions.audit.log import AuditLog
from permissions.authn.accounts import Accounts
from permissions.authn.cutoff import Cutoff
from permissions.authn.principal import Client, Principal
from permissions.authn.showing import Check, Show
from permissions.authn.tokens import AccessToken
from permissions.changes import PermissionChanges
from permissions.key_rotation import KeyRotation
from permissions.sharing import shared_branches
from permissions.store import PermissionStore
from permissions.token_revocation import TokenRevocation
from resolvers.live import Broker, Standings, Texts
from resolvers.loaders import Loaders
from resolvers.sealing import CursorSeal
from resolvers.sights import Sights

PAYERS: Final = 20
"""Others who are asked to pay for what all are denied, where the first can't."""


class Browser(Protocol):
    """What keeps a refresh token where the page's scripts can't read it. Only a request over HTTP has one."""

    def token(self) -> str | None:
        """The token that it keeps, if any. Raise as `require_own_site` where there is one."""

    def require_own_site(self) -> None:
        """Raise `UnauthenticatedError` where another site may have sent the request."""

    def keep(self, token: str, until: datetime) -> None:
        """Have it kept, instead of an earlier one."""

    def forget(self) -> None:
        """Have it keep none."""


class Allowance(Protocol):
    """What a caller may have done in a minute, whichever way he asks for it."""

    def require(self, access: Access) -> None:
        """Raise `TooFastError` where it is known to be used up, without asking anybody."""

    def spent(self, access: Access, cost: int) -> bool:
        """Count what costs so much, if nobody has to be asked for that; False where nothing was counted."""

    async def spend(self, access: Access, cost: int) -> None:
        """Count what costs so much. Raise `TooFastError` where it is used up."""

    async def charge(self, access: Access, cost: int) -> None:
        """The same; where it is used up, the least is counted."""

    async def deny(self, access: Access, number: int) -> None:
        """Count so many denials that are written down; the same way."""


@dataclass(slots=True)
class Context:
    """One request's, or one socket's; `api.graphql` makes it."""

    principal: Principal | None
    """Who asks; None is an anonymous caller."""
    access: Access
    """What he may do: one snapshot of the rules for the whole request. Have another by `adopt`."""
    client: Client
    db: Database
    tree: MessageTree
    attachments: Attachments
    search: MessageSearch
    usage: Usage
    cursors: CursorSeal
    broker: Broker
    texts: Texts
    """Of messages that are being written."""
    standings: Standings
    """Of whoever follows a conversation by this worker."""
    accounts: Accounts
    rotation: KeyRotation
    revocation: TokenRevocation
    permissions: PermissionStore
    changes: PermissionChanges
    audit: AuditLog
    judge: Callable[[Principal | None, AccessToken | None], Awaitable[Access]]
    """What somebody may do as of now, by the newest rules, with the token that proved him."""
    token: AccessToken | None = None
    """What proved who asks, if a token did."""
    connection_params: object = None
    """The payload of a socket's `connection_init`; Strawberry puts it here."""
    socket: bool = False
    """Whether it is a socket's, which many operations share over time."""
    browser: Browser | None = None
    allowance: Allowance | None = None
    """None where nobody counts."""
    starts: Starts = field(default_factory=Starts)
    """What lists were found to be like."""
    cutoff: Cutoff | None = None
    """When a socket's access ends; a request's ends with itself."""
    searches: int = field(init=False, default=0)
    """Asked for by this operation so far."""
    usages: int = field(init=False, default=0)
    """The same of questions about usage."""
    copies: int = field(init=False, default=0)
    """Of conversations, made by this operation so far."""
    reading: Meter = field(init=False, default_factory=Meter)
    """The bytes of messages that are read for the answer."""
    answering: Meter = field(init=False, default_factory=Meter)
    """The bytes of the answer."""
    begin_until: float = field(init=False, default=math.inf)
    """When no further field of a mutation is begun, by the clock that only goes on."""
    missed: bool = field(init=False, default=False)
    """Whether a store was away when the last event of a subscription was told."""
    _sights: Sights | None = field(init=False, default=None)
    _loaders: Loaders | None = field(init=False, default=None)
    _decided: Takings = field(init=False, default_factory=Takings)
    _settling: asyncio.Lock | None = field(init=False, default=None)
    """Made for who has anything to write down: of most nothing is."""

    @property
    def sights(self) -> Sights:
        """What he sees of conversations of which only branches are shared with him."""
        if self._sights is None:
            self._sights = Sights(self.tree, partial(shared_branches, self.access))
        return self._sights

    @property
    def loaders(self) -> Loaders:
        """What was loaded for him, each thing once."""
        if self._loaders is None:
            self._loaders = Loaders(self.tree, self.sights, self.reading)
        return self._loaders

    @property
    def origin(self) -> Origin:
        """Who asks and from where, as the audit log has it."""
        return Origin.of(self.principal, self.client)

    @property
    def administration(self) -> Administration:
        """What may be done to others' accounts."""
        return Administration(self.changes, self.accounts.credentials, self.audit.write)

    @contextmanager
    def showing(self) -> Iterator[Show]:
        """Within the block the running task says of each event how to look whether it may be seen, if it waits long."""
        if self.cutoff is None:
            yield _anybody
            return
        with self.cutoff.showing.by_task() as show:
            yield show

    async def spend(self, cost: int) -> None:
        """Have it counted that something is done which costs so much. Raise `TooFastError` where that is too much."""
        if self.allowance is not None:
            await self.allowance.spend(self.access, cost)

    async def charge(self, cost: int) -> None:
        """The same of what is asked for again at once where it is refused: to be refused counts as the least."""
        if self.allowance is not None:
            await self.allowance.charge(self.access, cost)

    def spent(self, cost: int) -> bool:
        """The same, if nobody has to be asked for that, as mostly; False where it has to be waited for: by `spend`."""
        return self.allowance is None or self.allowance.spent(self.access, cost)

    async def pay(self, *, forgo: bool, fellows: Iterable["Context"] = ()) -> None:
        """Have the denials counted that are to be written down: for him, or for one of the `fellows`, told the same.

        Where that is too much for each, and `forgo`, nobody will be told of them: then only their number is written
        down. Raises as `spend` then.
        """
        number = len(self._decided.denied) + self.access.denials
        if not number or self.allowance is None:
            return
        try:
            await self.allowance.deny(self.access, number)
        except Exception:
            if not forgo:
                return  # it is done, and has to be told
            for each in islice(fellows, PAYERS):
                if await each._pays(number):
                    return
            self._decided.take(self.access.takings())
            self._decided.denied.clear()
            self.audit.forgo(self.origin, number)
            raise

    async def _pays(self, denials: int) -> bool:
        try:
            if self.allowance is not None:
                await self.allowance.deny(self.access, denials)
        except Exception:
            return False
        return True

    async def settle(self) -> None:
        """Have what was decided written down, before anybody is told. Raise `PyMongoError` if it can't be.

        The events of a subscription share a context: each waits for the denials of all.
        """
        if self.unsettled:
            await settle_all([self])

    @property
    def unsettled(self) -> bool:
        """Whether anything that was decided is not written down yet, or is just being written."""
        waits = self._settling is not None and self._settling.locked()
        return bool(self._decided) or self.access.taken or waits

    async def become(self, token: AccessToken) -> None:
        """Go on as who has just got `token`, with what it tells of his session: as if he asked again with it."""
        self._decided.take(self.access.takings())
        self.principal, self.token = token.principal, token
        self.adopt(await self.judge(self.principal, token))

    async def for_operation(self) -> Self:
        """A context for one operation of a socket: what the caller may do now, and nothing loaded before."""
        return replace(self, access=await self.judge(self.principal, self.token))

    @property
    def outdated(self) -> bool:
        """Whether a newer proof of who asks has come since he was judged."""
        return False

    async def judged(self) -> Access:
        """What the caller may do as of now, with the newest proof of who he is; `adopt` it to go by it."""
        return await self.judge(self.principal, self.token)

    def adopt(self, access: Access) -> None:
        """Go by `access` from now on, and load anew what is shown."""
        if access is not self.access:
            if self.access.taken:
                self._decided.take(self.access.takings())
            self.access = access
        self._load_anew()

    async def renew(self) -> None:
        """A subscription outlives the moment: judge, and load, anew."""
        self.adopt(await self.judged())

    async def history(self, conversation: Conversation) -> History:
        """Reads a conversation as far as the caller sees it, who may read its messages or its branches."""
        return self.tree.history(conversation, await self.sights.of(conversation), self.reading)

    def _load_anew(self) -> None:
        self._sights = self._loaders = None

    def forget_loaded(self) -> None:
        """What was loaded is not needed any more, until something else happens."""
        self._loaders = None

    def measure_anew(self, most: int | None = None) -> None:
        """What was read and answered so far doesn't count: this is another answer, of `most` bytes."""
        self.reading, self.answering = Meter(most or self.reading.most), Meter(most or self.answering.most)
        self._loaders = None


async def settle_all(contexts: Sequence[Context]) -> None:
    """Have what was decided for all of them written down together, as `Context.settle` has it for one."""
    held: list[asyncio.Lock] = []
    try:
        for each in contexts:
            if each._settling is None:
                each._settling = asyncio.Lock()
            await each._settling.acquire()
            held.append(each._settling)
            if each.access.taken:
                each._decided.take(each.access.takings())
        await _write(contexts)
    finally:
        for lock in held:
            lock.release()


async def _write(contexts: Sequence[Context]) -> None:
    unwritten = [(each, each._decided) for each in contexts if each._decided]
    if not unwritten:
        return
    for each, _ in unwritten:
        each._decided = Takings()  # what is decided meanwhile is not among what is written
    try:
        await unwritten[0][0].audit.keep_all([(decided, each.origin) for each, decided in unwritten])
    except BaseException:
        for each, decided in unwritten:
            decided.take(each._decided)
            each._decided = decided
        raise


def _anybody(check: Check | None) -> None:
    """What doesn't wait is looked at by nobody again."""


Info = strawberry.Info[Context, None]
