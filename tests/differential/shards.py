"""A long run is done by several processes: each has stores of its own, and says now and then how far it is."""

import json
import os
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from tests.differential.rounds import Tally

FOLDER: Final = Path(".parley/differential")
SHARD: Final = "DIFFERENTIAL_SHARD"


@dataclass
class Shard:
    """What one process does: so many executions, from a seed."""

    number: int
    seed: int
    executions: int

    @classmethod
    def own(cls) -> Self:
        """This process's, as its environment has it."""
        return cls(**json.loads(os.environ.get(SHARD, '{"number": 0, "seed": 1, "executions": 300}')))

    @property
    def environment(self) -> dict[str, str]:
        """For the process."""
        return {**os.environ, SHARD: json.dumps(asdict(self))}

    def tell(self, parts: dict[str, "Part"]) -> None:
        """How far it is."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        new = FOLDER / f"{self.number}.new"
        new.write_text(json.dumps({name: part.told() for name, part in parts.items()}))
        new.replace(FOLDER / f"{self.number}.json")

    def heard(self) -> dict[str, "Part"]:
        """The same, as another process reads it."""
        try:
            told = json.loads((FOLDER / f"{self.number}.json").read_text())
        except FileNotFoundError:
            return {}
        return {name: Part.of(each) for name, each in told.items()}


@dataclass
class Part:
    """Of a kind of executions. `seconds`: of CPU, of the process that executes; `stores`: of its stores."""

    tally: Tally = field(default_factory=Tally)
    seconds: float = 0.0
    stores: float = 0.0

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "tally": {**vars(self.tally), "answers": dict(self.tally.answers)},
            "seconds": self.seconds,
            "stores": self.stores,
        }

    @classmethod
    def of(cls, told: dict[str, Any]) -> Self:
        """From JSON."""
        tally = Tally(**told["tally"])
        tally.answers = Counter(tally.answers)
        return cls(tally, told["seconds"], told["stores"])

    def add(self, other: "Part") -> None:
        """What another process did."""
        mine, others = self.tally, other.tally
        mine.executions += others.executions
        mine.documents += others.documents
        mine.raced += others.raced
        mine.answers += others.answers
        mine.found += others.found
        mine.once += others.once
        self.seconds += other.seconds
        self.stores += other.stores
