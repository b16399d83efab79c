"""Real conversations to try the server with: 100 trees of Open-Assistant (see LICENCE.txt)."""

from pathlib import Path
from typing import Final

DEMO_TREES: Final = Path(__file__).with_name("oasst_en_100_trees.jsonl")
