"""Arguments with which each root field tells something, to who may do everything."""

from typing import Any

from resolvers.ids import encode
from tests.isolation.planting import known_branch
from tests.isolation.tenants import World


def telling(world: World, name: str) -> list[dict[str, Any]]:
    """Fields that tell enough with whatever their arguments need are not here."""
    chat, message = world.chat_id("bob"), world.known["bob"]["m1"]
    hidden = {"action": "conversation:delete", "resource": {"type": "conversation", "id": chat}}
    john = encode("User", world.people["john"].id)
    asked = {"userId": john, **hidden}
    give = {"assignRole": {"userId": john, "role": "super_admin"}}
    flips = {"putPolicy": {"name": "x", "effect": "ALLOW", "actions": ["*"], "when": None}}
    kinds = (["USER", "TAG", "MODEL"], ["OWNER", "DAY"], ["ROLE", "HOUR"])
    found: dict[str, list[dict[str, Any]]] = {
        "role": [{"name": each} for each in world.names],
        "conversation": [{"id": world.chat_id(each)} for each in ("alice", "bob", "bob deleted")],
        "node": [{"id": each} for each in (chat, message, known_branch(world, "bob"), john)],
        "nodes": [{"ids": [each for some in world.ids.values() for each in some[:14]][:100]}],
        "diffBranches": [{"a": known_branch(world, "bob"), "b": known_branch(world, "bob", "edited")}],
        "searchMessages": [{"query": "common", "first": 100}],
        "usage": [{"input": {"by": each}} for each in kinds],
        "explainDecision": [{"input": asked}],
        "checkPermission": [{"input": asked}],
        "checkPermissions": [{"input": [asked, hidden]}],
        "simulate": [{"change": give, "questions": [asked], "overLog": {}}],
        "replay": [{"change": flips, "overLog": {}}],
        "policyPromotion": [{"name": "planted_policy"}],
        "whoHasAccess": [{"action": "conversation:read", "resource": hidden["resource"]}],
        "effectivePermissions": [{"userId": john}, {}],
        "erasure": [{"userId": encode("User", world.people["dora"].id)}],
        "revocations": [{"all": True}],
    }
    return found.get(name, [{}])
