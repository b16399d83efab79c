"""Questions about permissions: what, whether, why, who, and what if."""

from datetime import datetime
from typing import Final

import strawberry
from strawberry.scalars import JSON

from permissions.actions import Action, resource_type
from permissions.engine.conflicts import ConflictStrategy
from permissions.engine.facts import Env
from permissions.guards import SignedIn, may
from permissions.questions.effective import effective
from permissions.questions.known import known_actions, known_types
from resolvers.account.types import User
from resolvers.admin.access_holders import AccessHolder, who_has_access
from resolvers.admin.asking import asked, asked_time, at_length, circumstances, rules, somebody
from resolvers.admin.changes import ChangeInput
from resolvers.admin.decisions import Decision, PermissionQuestion, ResourceInput
from resolvers.admin.effective import EffectivePermission, EffectivePermissions
from resolvers.admin.explanations import Explanation
from resolvers.admin.logged import logged
from resolvers.admin.replays import LoggedRange
from resolvers.admin.simulations import Simulation, simulation
from resolvers.admin.targets import load_ahead
from resolvers.context import Info
from resolvers.errors import BadInputError
from resolvers.pagination import Connection, PageInfo

MOST_QUESTIONS: Final = 100
MOST_ACTIONS: Final = 200
"""Of one page of effective permissions."""

OTHERS: Final = "About somebody else: needs `permission:read`."


@strawberry.type
class Query:
    """Of permissions."""

    @strawberry.field(
        permission_classes=[SignedIn],
        description="All that an account may do, flattened: every known action with its effect, the condition, and "
        f"every path by which it came, {MOST_ACTIONS} actions a page at most. Without `userId` the caller's own. "
        f"`at` may lie in the past, where the roles and rules of then count. What hangs on circumstances is "
        f"conditional, but for those that `environment` names. {OTHERS}",
    )
    async def effective_permissions(
        self,
        info: Info,
        user_id: strawberry.ID | None = None,
        at: datetime | None = None,
        strategy: ConflictStrategy | None = None,
        resource_type: str | None = None,
        first: int | None = None,
        after: str | None = None,
        environment: JSON | None = None,
    ) -> EffectivePermissions:
        time = asked_time(info.context, at)
        env = Env(time, circumstances(environment))
        person = await somebody(info.context, user_id, time, "userId")
        snapshot = await rules(info.context, time)
        actions = _actions(known_actions(snapshot), resource_type, known_types(snapshot))
        page, info_of_page = _page(actions, first, after)
        # With thousands of roles it takes a while.
        found = await at_length(
            info.context,
            lambda: [EffectivePermission.of(each) for each in effective(snapshot, person.subject, page, env, strategy)],
        )
        return EffectivePermissions(
            user=User.of(person.user), at=time, strategy=strategy, permissions=found, page_info=info_of_page
        )

    @strawberry.field(
        permission_classes=[SignedIn],
        description="May this one do that? What the caller may not know of is denied as what isn't there. " + OTHERS,
    )
    async def check_permission(self, info: Info, input: PermissionQuestion) -> Decision:
        return Decision.of((await asked(info.context, input)).decide())

    @strawberry.field(
        permission_classes=[SignedIn],
        description=f"As `checkPermission`, up to {MOST_QUESTIONS} at once, in order, all by the same rules.",
    )
    async def check_permissions(self, info: Info, input: list[PermissionQuestion]) -> list[Decision]:
        _bounded(input, "input")
        await load_ahead(info.context, (each.resource for each in input))
        found = [await asked(info.context, each, f"input.{n}") for n, each in enumerate(input)]
        return [Decision.of(each.decide()) for each in found]

    @strawberry.field(
        permission_classes=[SignedIn],
        description="Why, or why not: every rule that was asked, and the smallest changes that would turn a denial "
        f"round. Ask with exactly one of `input` and `decisionId`. {OTHERS}",
    )
    async def explain_decision(
        self, info: Info, input: PermissionQuestion | None = None, decision_id: strawberry.ID | None = None
    ) -> Explanation:
        if (input is None) is (decision_id is None):
            raise BadInputError("input", "or `decisionId` is needed: exactly one of them")
        found = await logged(info.context, decision_id or "") if input is None else await asked(info.context, input)
        # Hundreds of changed worlds are tried for remedies.
        return await at_length(info.context, lambda: Explanation.of(found))

    @strawberry.field(
        permission_classes=[may(Action.PERMISSION_READ)],
        description="Who may do this to that, in no particular order, with the paths by which they may. It is asked "
        "under the circumstances that `environment` names; what hangs on others (`env.ip` and the like) is not "
        "allowed. Where very many may not, a page may be short, even empty, and have a next one.",
    )
    async def who_has_access(
        self,
        info: Info,
        action: str,
        resource: ResourceInput,
        at: datetime | None = None,
        first: int | None = None,
        after: str | None = None,
        environment: JSON | None = None,
    ) -> Connection[AccessHolder]:
        env = Env(asked_time(info.context, at), circumstances(environment))
        return await who_has_access(info.context, action, resource, env, first, after)

    @strawberry.field(
        permission_classes=[may(Action.PERMISSION_READ)],
        description=f"Which answers a change would flip: those to these questions, {MOST_QUESTIONS} at most, and "
        "those in the log (`overLog`, which needs `audit:read`), as `replay` tells them. Nothing is changed.",
    )
    async def simulate(
        self,
        info: Info,
        change: ChangeInput,
        questions: list[PermissionQuestion] | None = None,
        over_log: LoggedRange | None = None,
    ) -> Simulation:
        if questions is None and over_log is None:
            raise BadInputError("questions", "or `overLog` is needed")
        _bounded(questions or [], "questions")
        return await simulation(info.context, change, questions or [], over_log)


def _bounded(questions: list[PermissionQuestion], field: str) -> None:
    if len(questions) > MOST_QUESTIONS:
        raise BadInputError(field, f"must be {MOST_QUESTIONS} at most")


def _actions(known: frozenset[str], type_: str | None, types: frozenset[str]) -> list[str]:
    if type_ is not None and type_ not in types:
        raise BadInputError("resourceType", "is not a known type of resource")
    return sorted(action for action in known if type_ is None or resource_type(action) == type_)


def _page(actions: list[str], first: int | None, after: str | None) -> tuple[list[str], PageInfo]:
    """A page of sorted `actions`, whose cursors are their names."""
    size = MOST_ACTIONS if first is None else first
    if not 0 <= size <= MOST_ACTIONS:
        raise BadInputError("first", f"must be 0 to {MOST_ACTIONS}")
    rest = [action for action in actions if after is None or action > after]
    page, more = rest[:size], len(rest) > size
    start, end = (page[0], page[-1]) if page else (None, None)
    return page, PageInfo(has_next_page=more, has_previous_page=after is not None, start_cursor=start, end_cursor=end)
