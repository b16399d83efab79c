"""The demo world: the case study's roles and people, and 100 real conversations shared out among them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import as_file, files
from itertools import cycle
from typing import Any, Final

from beanie import PydanticObjectId

from models.clock import now
from models.conversation import Conversation
from models.database import Database
from models.role import RoleAssignment
from models.share import Share, ShareAccess, user_grantee
from models.sharing import give
from models.transfer.importing import Intake, conversation_of, plant_transcript
from models.transfer.transcript import Transcript
from models.tree import TreeLimits
from models.user import User, email_key
from permissions.audit.events import SYSTEM as HERE
from permissions.audit.events import Target
from permissions.audit.log import AuditLog
from permissions.authn.errors import EmailTakenError
from permissions.authn.passwords import Passwords
from permissions.authn.registration import NewUser, register
from permissions.authn.witness import SignIn
from permissions.builtin import ensure_demo_roles
from permissions.changes import SYSTEM, PermissionChanges
from permissions.store import PermissionStore

PASSWORD: Final = "parley-demo-password"  # noqa: S105 - public: the demo world listens to loopback only
DOMAIN: Final = "demo.example"
SHARED_BY: Final = f"alice@{DOMAIN}"
SHARED_WITH: Final = f"bob@{DOMAIN}"
"""One conversation of hers is shared with him."""
TREES: Final = "oasst_en_100_trees.jsonl"
PLANTED: Final[Mapping[str, str]] = {"_id": TREES}
"""In the collection `demo`, once all of them are there: looking for each took a second of every start."""


@dataclass(frozen=True, slots=True)
class Person:
    """An account of the demo world. `weight` is its share of the conversations."""

    name: str
    display_name: str
    roles: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    weight: int = 0

    @property
    def email(self) -> str:
        """What to log in as."""
        return f"{self.name}@{DOMAIN}"

    @property
    def about(self) -> str:
        """The person in a few words."""
        roles = [role.replace("_", " ") for role in self.roles]
        facts = [str(self.attributes[key]) for key in ("region", "department") if key in self.attributes]
        clearance = [f"clearance {self.attributes['clearance']}"] if "clearance" in self.attributes else []
        return ", ".join([" + ".join(roles), *facts, *clearance])


def _person(
    name: str, display_name: str, roles: str, region: str, department: str, clearance: int, weight: int
) -> Person:
    attributes = {"region": region, "department": department, "clearance": clearance}
    return Person(name, display_name, tuple(roles.split()), attributes, weight)


PEOPLE: Final = (
    Person("root", "Root", ("super_admin",)),
    Person("admin", "Ada Admin", ("admin",)),
    _person("alice", "Alice", "analyst", "EMEA", "Sales", 2, 5),
    _person("bob", "Bob", "analyst", "US-West", "Sales", 1, 4),
    _person("sara", "Sara", "senior_analyst", "EMEA", "Sales", 3, 4),
    _person("john", "John", "analyst guest report_viewer", "US-West", "Sales", 2, 4),
    _person("guest", "Guest", "guest", "EMEA", "Visitors", 1, 3),
)


async def seed(database: Database, passwords: Passwords, limits: TreeLimits, log: AuditLog) -> int:
    """Put in what is missing, and return how many conversations that were. Runs again without harm.

    What it gives to whom is in `log`, as if an administrator had done it.
    """
    await ensure_demo_roles(log.changed)
    users = [await _account(person, passwords, log) for person in PEOPLE]
    if await database.db.demo.find_one(PLANTED):
        return 0
    owners = [user for user, person in zip(users, PEOPLE, strict=True) for _ in range(person.weight)]
    planted = 0
    for transcript, owner, clearance in zip(_transcripts(limits), cycle(owners), cycle((1, 1, 2, 3)), strict=False):
        attributes = {key: owner.attributes[key] for key in ("region", "department")}
        conversation = conversation_of(
            transcript, "oasst", owner, limits, {**attributes, "clearance_required": clearance}
        )
        fresh = await plant_transcript(database.db, conversation, transcript, limits)
        if fresh and owner.email_key == SHARED_BY:
            await _share(database, conversation, users)
        planted += fresh
    await database.db.demo.replace_one(PLANTED, {}, upsert=True)
    return planted


async def _share(database: Database, conversation: Conversation, users: Iterable[User]) -> None:
    """With Bob, who has another region; once, when it is new."""
    (bob,) = [user for user in users if user.email_key == SHARED_WITH]
    if await Conversation.find_one({"grantees": user_grantee(bob.id)}) is None:
        share = Share(grantee=user_grantee(bob.id), access=ShareAccess.WRITE, by=conversation.owner_id, at=now())
        await give(database.db, conversation.id, share)


async def _account(person: Person, passwords: Passwords, log: AuditLog) -> User:
    user = await User.find_one({"email_key": email_key(person.email)})
    if user is None:
        try:
            user = await register(
                passwords, NewUser(person.email, person.display_name, PASSWORD, dict(person.attributes))
            )
        except EmailTakenError:  # somebody seeds beside us
            return await _account(person, passwords, log)
        await log.write(SignIn.CREATED, HERE, Target("user", user.id))
    await _assign(user.id, person.roles, log)
    return user


async def _assign(user_id: PydanticObjectId, roles: tuple[str, ...], log: AuditLog) -> None:
    """Give the roles once: whoever takes one away in the demo must not find it back after a restart."""
    changes = PermissionChanges(PermissionStore(), witness=log.changed)
    if await RoleAssignment.find_one({"user_id": user_id}) is None:
        for role in roles:
            await changes.assign(
                RoleAssignment(user_id=user_id, role=role, granted_at=now(), reason="demo world"), SYSTEM
            )


def _transcripts(limits: TreeLimits) -> Iterator[Transcript]:
    with as_file(files("models.transfer.demo").joinpath(TREES)) as path, Intake(path, "oasst", limits) as intake:
        yield from (item for item in intake if isinstance(item, Transcript))
