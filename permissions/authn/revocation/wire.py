"""Rules as text, the same text for the same rule: what Redis keeps and workers send each other."""

from ipaddress import ip_network
from typing import Any

import orjson
from beanie import PydanticObjectId

from permissions.authn.revocation.criteria import Criteria
from permissions.authn.revocation.rules import Rule


def fields_of(criteria: Criteria) -> dict[str, Any]:
    """What is given of `criteria`, in JSON's terms."""
    fields = {
        "jti": criteria.jti,
        "session_id": criteria.session_id,
        "user_id": criteria.user_id and str(criteria.user_id),
        "network": criteria.network and str(criteria.network),
        "device": criteria.device,
        "key_id": criteria.key_id,
        "issued_before": criteria.issued_before,
        "everyone": criteria.everyone or None,
        "spared": criteria.spared,
    }
    return {name: value for name, value in fields.items() if value is not None}


def criteria_of(fields: dict[str, Any]) -> Criteria:
    """What `fields_of` was given."""
    user, network = fields.get("user_id"), fields.get("network")
    read = {
        "user_id": None if user is None else PydanticObjectId(user),
        "network": None if network is None else ip_network(network),
    }
    return Criteria(**{**fields, **read})


def packed(rule: Rule) -> bytes:
    """`rule` as JSON."""
    fields = {
        "id": rule.id,
        "criteria": fields_of(rule.criteria),
        "reason": rule.reason,
        "made_at": rule.made_at,
        "expires_at": rule.expires_at,
        "by": None if rule.by is None else str(rule.by),
    }
    return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)


def unpacked(text: bytes | str) -> Rule:
    """What `packed` was given. Raise `ValueError`, `KeyError` or `TypeError` for anything else."""
    fields = orjson.loads(text)
    by = fields.pop("by", None)
    return Rule(
        criteria=criteria_of(fields.pop("criteria")),
        by=None if by is None else PydanticObjectId(by),
        **fields,
    )
