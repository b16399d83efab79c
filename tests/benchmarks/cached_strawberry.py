"""Plain Strawberry, with the two caches that it brings along: documents are parsed and validated once.

`python -m tests.benchmarks.cached_strawberry LISTENER LIFELINE`; all else as `plain_strawberry`.
"""

from strawberry.extensions import ParserCache, ValidationCache

from tests.benchmarks.bare import serve
from tests.benchmarks.plain_strawberry import routes

if __name__ == "__main__":
    serve(routes([ParserCache, ValidationCache]))
