"""What can be wrong with an address of Redis."""


class RedisAddressError(ValueError):
    """Its message says what is wrong, and shows nothing of the address: there may be a password in any part of it."""
