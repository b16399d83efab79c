"""What a worker keeps open while it serves."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from redis.asyncio import Redis

from api.audit import open_audit
from api.authentication import Authentication, open_authentication
from api.collecting import collecting
from api.counting import counting
from api.interrupting import Interrupter, interrupting
from api.key_ring import announcer as key_announcer
from api.key_ring import following as following_keys
from api.listing import measuring
from api.persisted import ApqLimits, PersistedOperations, PersistedSettings
from api.presence import Presence, present
from api.propagation import announcer, following
from api.purging import purging
from api.rates.rates import Rates
from api.search import cursor_seal, keeping_index
from api.settings import Settings
from api.trees import message_tree
from api.usage import rolling_up
from models.attachments.store import AttachmentLimits, Attachments
from models.database import Database
from models.listing.starts import Starts
from models.pubsub import open_listener
from models.redis import open_redis
from models.search.search import MessageSearch
from models.tree import MessageTree
from models.usage.usage import Usage
from permissions.administration import Administration
from permissions.audit.log import AuditLog
from permissions.audit.witness import AuditWitness
from permissions.changes import PermissionChanges
from permissions.erasure import Eraser
from permissions.key_rotation import KeyRotation
from permissions.operations.registry import OperationRegister
from permissions.store import PermissionStore
from permissions.token_revocation import TokenRevocation
from resolvers.chat.counting import NewsCheck
from resolvers.chat.events import channel
from resolvers.live import Broker, RedisBroker, Standings, Texts
from resolvers.sealing import CursorSeal


@dataclass(frozen=True, slots=True)
class Services:
    """One a worker."""

    database: Database
    redis: Redis
    broker: Broker
    texts: Texts
    standings: Standings
    authentication: Authentication
    rotation: KeyRotation
    revocation: TokenRevocation
    permissions: PermissionStore
    changes: PermissionChanges
    tree: MessageTree
    audit: AuditLog
    attachments: Attachments
    search: MessageSearch
    usage: Usage
    cursors: CursorSeal
    rates: Rates
    presence: Presence
    register: OperationRegister
    operations: PersistedOperations
    starts: Starts
    """Of lists."""


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """Connect to the stores that `settings` name."""
    if settings.mongodb_uri is None or settings.redis_url is None:
        raise ValueError("PARLEY_MONGODB_URI and PARLEY_REDIS_URL are not set, and no embedded stores run")
    redis_url = settings.redis_url.get_secret_value()
    permissions = PermissionStore()
    standings = Standings(permissions)
    async with (
        await Database.connect(settings.mongodb_uri.get_secret_value(), settings.database) as database,
        open_redis(redis_url) as redis,
        open_listener(redis_url) as listener,
        RedisBroker(redis_url, listener=listener) as broker,
        Texts(redis_url, channel) as texts,
        following(broker, standings),
        open_audit(settings, database, redis) as audit,
        open_authentication(settings, redis, listener, AuditWitness(audit)) as authentication,
    ):
        changes = PermissionChanges(permissions, announcer(broker), audit.changed)
        tree = message_tree(settings, database, texts)
        rotation = KeyRotation(authentication.keys, key_announcer(broker), audit, authentication.revocations)
        await rotation.adopt_algorithm()
        mirror = authentication.authenticator.gate.mirror
        revocation = TokenRevocation(authentication.revocations, mirror, redis, audit)
        retention = timedelta(days=settings.retention_days)
        office = Administration(changes, authentication.accounts.credentials, audit.write)
        eraser = Eraser(database.db, tree, office)
        async with (
            following_keys(broker, rotation, settings.signing_key_days),
            purging(database.db, tree, eraser, retention),
            keeping_index(database, settings.search_seconds),
            rolling_up(database.db, settings.usage_seconds),
            collecting(database.db, timedelta(hours=settings.attachment_hours)),
            interrupting(Interrupter(database.db, tree, texts, broker), settings.interrupt_seconds),
            counting(NewsCheck(database.db, broker), settings.news_seconds),
            present(redis) as presence,
            measuring(database.db) as starts,
        ):
            search = MessageSearch(database.db, tree)
            register = OperationRegister(audit)
            yield Services(
                database,
                redis,
                broker,
                texts,
                standings,
                authentication,
                rotation,
                revocation,
                permissions,
                changes,
                tree,
                audit,
                Attachments(database.db, attachment_limits(settings)),
                search,
                Usage(database.db),
                cursor_seal(settings),
                Rates(redis, settings.rate_limits),
                presence,
                register,
                PersistedOperations(register, redis, persisted_settings(settings)),
                starts,
            )


def persisted_settings(settings: Settings) -> PersistedSettings:
    """Which documents are run, and how many are kept for clients."""
    apq = ApqLimits(settings.apq_seconds, settings.apq_documents, settings.apq_bytes, settings.apq_per_user)
    return PersistedSettings(settings.operations == "trusted", apq)


def attachment_limits(settings: Settings) -> AttachmentLimits:
    """The attachments' part of the settings."""
    return AttachmentLimits(
        file_bytes=settings.attachment_bytes,
        quota_bytes=settings.attachment_quota_bytes,
        per_message=settings.attachments_per_message,
        types=frozenset(each.strip() for each in settings.attachment_types.split(",") if each.strip()),
    )
