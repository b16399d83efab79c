"""Cases that nobody would write by hand, sent to a real server: `make fuzz`, and a few of them with every test run."""
