"""What every test may ask for."""

pytest_plugins = ["tests.stores", "tests.audited", "tests.served"]
