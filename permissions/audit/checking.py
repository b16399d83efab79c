"""The whole log, checked: from the beginning, or the last genuine cut, to the head that was kept elsewhere."""

from dataclasses import dataclass, field

from models.database import Record
from permissions.audit.anchors import Anchor
from permissions.audit.blocks import Blocks
from permissions.audit.chain import Finding, Head, Sealer, Verifier, missing
from permissions.audit.retention import genuine, trusted_start


@dataclass(slots=True)
class Report:
    """What a check has found. No findings: nothing was edited, deleted, inserted or moved, as far as one can tell."""

    blocks: int
    records: int
    start: Head
    head: Head
    findings: list[Finding] = field(default_factory=list)


async def check(blocks: Blocks, sealer: Sealer, anchor: Anchor) -> Report:
    """Read the whole log.

    What it can't tell: that the end is gone where the head kept elsewhere was set back too, to one that was genuine
    once; and anything at all about who has the key.
    """
    start, kept = await trusted_start(blocks, sealer), await anchor.read()
    end = await blocks.search_end()
    last = max(end.number, kept.number if kept else 0)
    verifier = Verifier(sealer, start)
    findings = [Finding("the checkpoint is forged", each["_id"]) for each in await _forged(blocks, sealer)]
    async for block in blocks.walk(start.number, last):
        findings += verifier.follow(block)
        if kept is not None and block["_id"] == kept.number and block.get("digest") != kept.digest:
            findings.append(Finding("is not the one whose digest was kept elsewhere", kept.number))
    findings += _at_the_end(verifier.head, kept)
    findings += [Finding("has no place in the chain", each) for each in await blocks.strangers(last)]
    return Report(verifier.blocks, verifier.records, start, verifier.head, findings)


def _at_the_end(head: Head, kept: Head | None) -> list[Finding]:
    if kept is not None:
        return [Finding("is missing", number) for number in missing(head.number, kept.number + 1)]
    if head.number == 0:
        return []
    return [Finding("no head is kept elsewhere: whether more followed can't be told", head.number)]


async def _forged(blocks: Blocks, sealer: Sealer) -> list[Record]:
    return [each for each in await blocks.checkpoints() if not genuine(sealer, each)]
