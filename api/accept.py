"""What an `Accept` header wants (RFC 9110, 12.5.1)."""


def quality(accept: str, media_type: str) -> float:
    """How much an `Accept` header wants a type, 0 to 1, by its most specific range (RFC 9110, 12.5.1)."""
    ranges = ("*/*", f"{media_type.partition('/')[0]}/*", media_type)
    best, quality = -1, 0.0
    for item in accept.split(","):
        name, _, parameters = item.strip().lower().partition(";")
        if name.strip() in ranges and ranges.index(name.strip()) > best:
            best, quality = ranges.index(name.strip()), _weight(parameters)
    return quality


def _weight(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0
