"""What lists find a conversation by: its terms, each of which an index holds beside the conversation's times.

A term begins with a level and a kind. On level 0 stands every conversation, on level 1 one in 32, on level 2 one in
1,024 and so on, as chance decides for ever by its id. So a few entries of a higher level tell where the next 32 of a
lower one end, however many conversations there are: a skip list that lies in an index.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

from bson import ObjectId

SAMPLE: Final = 32
"""Of so many conversations of a level, one stands on the next."""
TOP: Final = 3
"""The highest level."""
GRAM: Final = 3
"""Characters to a piece of a title."""

EVERY: Final = "e"
"""The term of every conversation, without its level."""

KINDS: Final = {"archived": "f", "tags": "t", "attributes": "a", "grantees": "g"}
"""By field: what the terms that follow from it begin with after their level."""

TERMED: Final = {*KINDS, "title_key"}
"""The fields that terms follow from: whoever writes one of them writes its terms in the same update."""


def archived_term(archived: bool) -> str:
    """Of conversations that are, or are not."""
    return f"{KINDS['archived']}{int(archived)}"


def tag_term(tag: str) -> str:
    """Of conversations with that tag."""
    return KINDS["tags"] + _digest(tag)


def grantee_term(grantee: str) -> str:
    """Of conversations that are shared with them. As it is: `granted_terms` has the server make it."""
    return KINDS["grantees"] + grantee


def attribute_term(name: str, value: Any) -> str | None:
    """Of conversations with an attribute of that value, or one that is a list which holds it; only scalars have one."""
    if isinstance(value, bool):
        said = f"b{value}"
    elif isinstance(value, int | float):
        whole = isinstance(value, int) or value.is_integer()
        said = f"n{int(value) if whole else value!r}"  # as MongoDB compares: 1 is 1.0, and not true
    elif isinstance(value, str):
        said = f"s{value}"
    else:
        return None
    return KINDS["attributes"] + _digest(f"{name}\0{said}")


def grams(title_key: str | None) -> list[str]:
    """The pieces of a title that is case folded, each once."""
    text = title_key or ""
    return list(dict.fromkeys(text[start : start + GRAM] for start in range(len(text) - GRAM + 1)))


def at_level(level: int, term: str) -> str:
    """The term as it is stored for that level."""
    return f"{level}{term}"


def highest_level(conversation_id: ObjectId) -> int:
    """Up to which level a conversation stands."""
    chance = int.from_bytes(blake2b(conversation_id.binary, digest_size=8).digest())
    return next((level for level in range(TOP) if chance % SAMPLE ** (level + 1)), TOP)


def stored_terms(conversation_id: ObjectId, fields: Mapping[str, Any]) -> dict[str, list[str]]:
    """The stored fields `terms` and `title_terms` of a whole conversation."""
    found = [EVERY, *_of_fields({name: fields.get(name) for name in KINDS})]
    return {
        "terms": _on_levels(conversation_id, found),
        "title_terms": _on_levels(conversation_id, grams(fields.get("title_key"))),
    }


def changed_terms(conversation_id: ObjectId, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Expressions that set the terms which follow from `fields`, for the same update; the other terms stay.

    A conversation without any is left so: `models.listing.filling` gives it all of them.
    """
    update: dict[str, Any] = {}
    touched = {name: fields[name] for name in KINDS if name in fields}
    if touched:
        kinds = [KINDS[name] for name in touched]
        update["terms"] = _merged(kinds, {"$literal": _on_levels(conversation_id, _of_fields(touched))})
    if "title_key" in fields:
        update["title_terms"] = {"$literal": _on_levels(conversation_id, grams(fields["title_key"]))}
    return update


def granted_terms(conversation_id: ObjectId) -> dict[str, Any]:
    """An expression for `terms` that follows the stored `grantees`, for a stage after the one that sets those."""
    levels = range(highest_level(conversation_id) + 1)
    prefixes = [at_level(level, KINDS["grantees"]) for level in levels]
    whom = {"$ifNull": ["$grantees", []]}
    named = [{"$map": {"input": whom, "as": "whom", "in": {"$concat": [prefix, "$$whom"]}}} for prefix in prefixes]
    return _merged([KINDS["grantees"]], {"$concatArrays": named})


def terms_of_grantee(grantee: str) -> list[str]:
    """Those that any conversation shared with them may have."""
    return [at_level(level, grantee_term(grantee)) for level in range(TOP + 1)]


def _merged(kinds: Sequence[str], terms: Mapping[str, Any]) -> dict[str, Any]:
    """Terms of those kinds in place of the stored ones."""
    kept = {"$not": [{"$in": [{"$substrCP": ["$$each", 1, 1]}, list(kinds)]}]}
    others = {"$filter": {"input": "$terms", "as": "each", "cond": kept}}
    return {"$cond": [{"$isArray": ["$terms"]}, {"$concatArrays": [others, terms]}, "$$REMOVE"]}


def _of_fields(fields: Mapping[str, Any]) -> list[str]:
    found: list[str] = []
    if "archived" in fields:
        found.append(archived_term(bool(fields["archived"])))
    found += [tag_term(tag) for tag in fields.get("tags") or ()]
    found += [grantee_term(each) for each in fields.get("grantees") or ()]
    for name, value in (fields.get("attributes") or {}).items():
        terms = (attribute_term(name, each) for each in _values(value))
        found += [term for term in terms if term]
    return list(dict.fromkeys(found))


def _values(value: Any) -> Iterator[Any]:
    """What `{$eq: …}` finds the value by: a list by each of its elements, too."""
    if isinstance(value, list):
        yield from value
    else:
        yield value


def _on_levels(conversation_id: ObjectId, terms: Iterable[str]) -> list[str]:
    levels = range(highest_level(conversation_id) + 1)
    return [at_level(level, term) for term in terms for level in levels]


def _digest(text: str) -> str:
    """Short, and of one length whatever is in it. Two that happen to be alike are told apart by what is stored."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
