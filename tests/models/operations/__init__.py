"""What reads or writes, for tests that look at what is sent to the stores."""
