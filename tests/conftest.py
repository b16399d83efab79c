"""What every test may ask for."""

pytest_plugins = [
    "tests.binding",
    "tests.stores",
    "tests.seeds",
    "tests.audited",
    "tests.served",
    "tests.conformance.table",
    "tests.order",
    "tests.open_log",
    "tests.abandoned",
    "tests.hanging",
]
