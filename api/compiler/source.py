"""The text of the functions that make up answers.

INVARIANT: of what a client sends only names get into it, and only such as `NAME` matches. All else is in the namespace.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, Final

from api.compiler.errors import NotCompilableError
from api.compiler.field import Field
from api.compiler.info import LightInfo
from api.compiler.leaves import Leaf, SurpriseError, items_size, leaf
from api.compiler.seams import optimized_is_awaitable
from api.documents.answering import LEAF_BYTES, size_of
from permissions.guards import Guard

NAME: Final = re.compile(r"[_A-Za-z][_0-9A-Za-z]*", re.ASCII)
"""What the grammar of GraphQL allows."""
BUILTINS: Final = {
    each.__name__: each for each in (Exception, bool, dict, float, int, isinstance, len, list, str, type)
}
LINE: Final = "    "

Lines = Iterator[str]


class Source:
    """Of one operation's functions; `names` is what they can see."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {
            "__builtins__": BUILTINS,
            "LightInfo": LightInfo,
            "SurpriseError": SurpriseError,
            "is_awaitable": optimized_is_awaitable,
            "items_size": items_size,
            "new": object.__new__,
            "size_of": size_of,
        }
        self.lines: list[str] = []
        self._known: dict[tuple[str, int], str] = {}
        self._leaves: dict[int, Leaf] = {}

    def name(self, prefix: str, value: Any) -> str:
        """What the functions call it."""
        key = (prefix, id(value))
        if key not in self._known:
            self._known[key] = name = f"{prefix}{len(self._known)}"
            self.names[name] = value
        return self._known[key]

    def leaf(self, type_: Any) -> Leaf:
        """How a value of that type is completed."""
        if id(type_) not in self._leaves:
            self._leaves[id(type_)] = leaf(type_, self.name)
        return self._leaves[id(type_)]

    def add(self, selection: "Selection") -> str:
        """The name of a function that makes the answer of an object."""
        function = f"build{len(self.lines)}"
        self.lines += selection.coroutines(self)
        self.lines += selection.function(function, self)
        return function


class Group:
    """Leaves that are read off an object: where one is not as foreseen, graphql-core reads all of them again."""

    def __init__(self, fields: Sequence[Field], source: Source) -> None:
        self.items: Final[list[tuple[str, str]]] = []
        """Names of the answer, and the expressions that stand for their values."""
        self._reads: list[str] = []
        self._tests: list[str] = []
        self._becoming: list[str] = []
        self._sizes: list[str] = []
        self._base = 0
        for number, field in enumerate(fields):
            if field.made is None:  # __typename
                self.items.append((field.key, repr(field.parent.name)))
                self._base += LEAF_BYTES + len(field.parent.name)
            else:
                self._add(field, field.made.python_name, source.leaf(field.nullable_type), number)

    @property
    def size(self) -> str:
        """Bytes of all of them."""
        return " + ".join([str(self._base), *self._sizes])

    def reading(self) -> Lines:
        """Raises where something is not as foreseen."""
        yield from self._reads
        if self._tests:
            yield f"if not ({' and '.join(self._tests)}):"
            yield LINE + "raise SurpriseError"
        yield from self._becoming or (() if self._reads else ("pass",))

    def _add(self, field: Field, attribute: str, form: Leaf, number: int) -> None:
        read = become = f"v{number}"
        self._reads.append(f"{read} = source.{attribute}")
        test = form.test.format(v=read)
        self._tests.append(f"({read} is None or {test})" if field.nullable else test)
        if form.become is not None:
            become = f"r{number}"
            otherwise = f" if {read} is not None else None" if field.nullable else ""
            self._becoming.append(f"{become} = {form.become.format(v=read)}{otherwise}")
        size = form.size.format(r=become) if form.size else None
        if field.nullable:
            whole = f"{form.base} + {size}" if size else str(form.base)
            self._sizes.append(f"({whole} if {become} is not None else 0)")
        else:
            self._base += form.base
            self._sizes += [size] if size else []
        self.items.append((field.key, become))


class Selection:
    """Of one object type: its fields, with the builders of what is selected of them."""

    def __init__(self, fields: Sequence[tuple[Field, dict[type, Any] | None]]) -> None:
        self._fields: Final = fields
        for field, _ in fields:
            for name in (field.key, field.parent.name):
                if not NAME.fullmatch(name):
                    raise NotCompilableError
        self._builders: Final = {id(field): builders for field, builders in fields}

    def function(self, name: str, source: Source) -> Lines:
        """Makes the answer, or something to await where a field of it is to be awaited."""
        yield f"def {name}(source, run, place):"
        yield from _indented(self._body(source))

    def _body(self, source: Source) -> Lines:
        parts = [(plain, [each for each, _ in part]) for plain, part in groupby(self._fields, _read_off)]
        if not parts:  # all of it is left out
            yield "return {}"
            return
        if len(parts) == 1 and parts[0][0]:
            yield from self._leaves(parts[0][1], source)
            return
        if not parts:
            yield "return {}"
            return
        if not parts[0][0]:
            yield "answer = {}"
        yield "waiting = []"
        yield "try:"
        for number, (plain, fields) in enumerate(parts):
            yield from _indented(self._group(fields, source, number) if plain else self._each(fields, source))
        yield "except Exception:"
        yield LINE + "run.abandon([answer[key] for key in waiting])"
        yield LINE + "raise"
        yield "return run.gathered(answer, waiting) if waiting else answer"

    def _leaves(self, fields: list[Field], source: Source) -> Lines:
        """An object of which nothing but leaves is asked for that are read off it."""
        group = Group(fields, source)
        yield "try:"
        yield from _indented(group.reading())
        yield "except Exception:"
        yield LINE + f"return run.again({source.name('G', tuple(fields))}, source, place)"
        yield f"run.size += {group.size}"
        yield f"return {{{', '.join(f'{key!r}: {value}' for key, value in group.items)}}}"

    def _group(self, fields: list[Field], source: Source, number: int) -> Lines:
        """The same among other fields; of group 0 the answer is made."""
        group = Group(fields, source)
        yield "try:"
        yield from _indented(group.reading())
        yield "except Exception:"
        if not number:
            yield LINE + "answer = {}"
        yield LINE + f"run.fields({source.name('G', tuple(fields))}, source, answer, waiting, place)"
        yield "else:"
        yield LINE + f"run.size += {group.size}"
        if not number:
            yield LINE + f"answer = {{{', '.join(f'{key!r}: {value}' for key, value in group.items)}}}"
            return
        yield from (f"{LINE}answer[{key!r}] = {value}" for key, value in group.items)

    def _each(self, fields: list[Field], source: Source) -> Lines:
        for field in fields:
            known = source.name("F", field)
            if not field.understood:
                yield f"run.fields({source.name('G', (field,))}, source, answer, waiting, place)"
                continue
            yield "try:"
            if field.asynchronous and not field.subscribed:
                given = f", run.given({known})" if field.arguments else ""
                yield LINE + f"answer[{field.key!r}] = wait{known}(source, run, place{given})"
                yield LINE + f"waiting.append({field.key!r})"
            else:
                yield from _indented(self._resolved(field, source))
                yield from _indented(self._completed(field, source))
                yield LINE + f"answer[{field.key!r}] = r"
            yield "except Exception as error:"
            yield LINE + f"run.failed(error, {known}, {known}.type, {self._place(field)})"
            yield LINE + f"answer[{field.key!r}] = None"

    def coroutines(self, source: Source) -> Lines:
        """Functions of the fields whose resolvers are awaited."""
        for field, _ in self._fields:
            if not field.understood or not field.asynchronous or field.subscribed:
                continue
            known = source.name("F", field)
            yield f"async def wait{known}(source, run, place{', given' if field.arguments else ''}):"
            yield LINE + "try:"
            yield from _indented(_indented(self._resolved(field, source)))
            yield from _indented(_indented(self._completed(field, source, awaits=True)))
            yield LINE * 2 + "return r"
            yield LINE + "except Exception as error:"
            yield LINE * 2 + f"run.failed(error, {known}, {known}.type, {self._place(field)})"
            yield LINE * 2 + "return None"

    def _resolved(self, field: Field, source: Source) -> Lines:
        """The field's value, as `v`. Guards are asked before anything is read."""
        if field.made is None:
            raise NotCompilableError
        known, base = source.name("F", field), field.made.base_resolver
        waits = field.asynchronous and not field.subscribed
        if field.subscribed:
            if field.arguments:
                yield f"run.given({known})"
            yield "v = source"
            return
        if field.arguments and not waits:
            yield f"given = run.given({known})"
        kwargs, info = "{}", tuple(_info(known, self._place(field)))
        told = bool(field.arguments or (base and base.info_parameter))
        if told:
            yield from info
        if field.arguments:
            yield f"kwargs = run.converted({known}, given, info)"
            kwargs = "kwargs"
        for guard in field.guards or ():
            yield from _required(source.name("A", guard), guard, kwargs, () if told else info)
        if base is None:
            yield f"v = source.{field.made.python_name}"
            return
        arguments = ["source"] if base.self_parameter else []
        arguments += ["info=info"] if base.info_parameter else []
        arguments += ["**kwargs"] if field.arguments else []
        awaited = "await " if waits else ""
        yield f"v = {awaited}{source.name('R', field.resolver)}({', '.join(arguments)})"

    def _completed(self, field: Field, source: Source, *, awaits: bool = False) -> Lines:
        """What becomes of `v`, as `r`."""
        known, place = source.name("F", field), self._place(field)
        surprise = f"r = run.value({known}, v, {place}{', awaited=True' if awaits else ''})"
        if field.leaf:
            yield from self._completed_leaf(field, source, awaits=awaits)
            return
        if field.item_type is not None:
            yield "if type(v) is list:"
            yield LINE + f"r = run.objects({known}, {source.name('B', self._of(field))}, v, {place})"
            yield from _indented(_awaited(field, known, place, "type(r) is not list", awaits=awaits))
        else:
            yield f"build = {source.name('B', self._of(field))}.get(type(v))"
            yield "if build is not None:"
            yield LINE + f"r = build(v, run, {place})"
            yield from _indented(_awaited(field, known, place, "not isinstance(r, dict)", awaits=awaits))
        if field.nullable:
            yield "elif v is None:"
            yield LINE + "r = None"
        yield "else:"
        yield LINE + surprise
        yield from _indented(_awaited(field, known, place, "is_awaitable(r)", awaits=awaits))

    def _completed_leaf(self, field: Field, source: Source, *, awaits: bool) -> Lines:
        known, place, form = source.name("F", field), self._place(field), source.leaf(field.nullable_type)
        surprise = f"r = run.value({known}, v, {place}{', awaited=True' if awaits else ''})"
        yield "try:"
        yield LINE + f"if not ({form.test.format(v='v')}):"
        yield LINE * 2 + "raise SurpriseError"
        yield LINE + f"r = {form.become.format(v='v') if form.become else 'v'}"
        yield "except SurpriseError:"
        yield LINE + surprise
        yield from _indented(_awaited(field, known, place, "is_awaitable(r)", awaits=awaits))
        yield "else:"
        yield LINE + f"run.size += {form.base}" + (f" + {form.size.format(r='r')}" if form.size else "")

    def _of(self, field: Field) -> dict[type, Any]:
        builders = self._builders[id(field)]
        if builders is None:
            raise NotCompilableError
        return builders

    def _place(self, field: Field) -> str:
        return f"(place, {field.key!r}, {field.parent.name!r})"


def _info(known: str, place: str) -> Lines:
    """As its `__init__` makes it, which takes three times as long: most of what a field with little to do takes."""
    yield "info = new(LightInfo)"
    yield "info._run = run"
    yield f"info._compiled = {known}"
    yield f"info._place = {place}"


def _required(name: str, guard: Guard, kwargs: str, info: Sequence[str]) -> Lines:
    """Asks the guard; `info` is how that is made, where it isn't yet."""
    if type(guard).about is Guard.about:
        yield from info
        yield f"run.require({name}, source, info, {kwargs})"
        return
    yield f"about = {name}.about(source)"
    yield f"if about is None or run.allowed.get({name}) is not about or run.access is not run.context.access:"
    yield from _indented(iter(info))
    yield LINE + f"run.require_once({name}, about, source, info, {kwargs})"


def _read_off(selected: tuple[Field, Any]) -> bool:
    field = selected[0]
    if field.made is None:
        return field.nodes[0].name.value == "__typename"
    return field.plain and field.leaf and field.understood


def _awaited(field: Field, known: str, place: str, test: str, *, awaits: bool) -> Lines:
    yield f"if {test}:"
    if awaits:
        yield LINE + "r = await r"
    else:
        yield LINE + f"r = run.later(r, {known}, {known}.type, {place})"
        yield LINE + f"waiting.append({field.key!r})"


def _indented(lines: Lines) -> Lines:
    return (LINE + each for each in lines)
