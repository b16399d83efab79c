"""What can be wrong with who is asking.

AuthnError
├── UnauthenticatedError    no, or no acceptable, proof of who is asking
│   ├── BadCredentialsError unknown account, wrong password, disabled account: never told which
│   ├── PasswordChangeRequiredError  the right password, which only lets one choose another
│   ├── TokenExpiredError   genuine, but too old
│   └── TokenRevokedError   genuine, but its session has ended; `reason` says why
│       └── TokenReusedError  … just now, for a used refresh token came again
├── TooManyAttemptsError    try again after `retry_after` seconds
├── WeakPasswordError       a password that may not be chosen; `reason` says why
├── InvalidEmailError       not an address
├── DisplayNameError        not a name to show
├── EmailTakenError         another account has this address
├── ServiceNameError        not a name for a service, or not a free one
├── KeyRingError            no usable signing key: wrong secret, or none made yet
└── AuthnUnavailableError   a store that must be asked does not answer
"""


class AuthnError(Exception):
    """The root of this tree."""


class UnauthenticatedError(AuthnError):
    """`reason` is for logs and developers; it holds nothing of the token."""

    def __init__(self, reason: str = "not signed in") -> None:
        super().__init__(reason)
        self.reason = reason


class BadCredentialsError(UnauthenticatedError):
    """One answer for every way in which a login can be wrong."""

    def __init__(self) -> None:
        super().__init__("wrong email or password")


class PasswordChangeRequiredError(UnauthenticatedError):
    """Told to nobody who hasn't shown the account's password. `changePassword` is the way in."""

    def __init__(self) -> None:
        super().__init__("choose another password first: this one was made for one time")
        self.reason = "password_change_required"


class TokenExpiredError(UnauthenticatedError):
    """Refresh the session and ask again."""

    def __init__(self) -> None:
        super().__init__("token has expired")


class TokenRevokedError(UnauthenticatedError):
    """Sign in again. `reason` is a word for programs: `logged_out`, `refresh_token_reused` …"""

    def __init__(self, reason: str) -> None:
        super().__init__("the session has ended")
        self.reason = reason


class TokenReusedError(TokenRevokedError):
    """Somebody has a copy of a refresh token. Whoever catches this sees to what the session gave out, and tells."""


class TooManyAttemptsError(AuthnError):
    """`retry_after` in seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("too many attempts")
        self.retry_after = retry_after


class WeakPasswordError(AuthnError):
    """`reason` may be shown to who chose the password."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class InvalidEmailError(AuthnError):
    """The address has no `name@host` form, or is too long."""

    def __init__(self) -> None:
        super().__init__("not an email address")


class DisplayNameError(AuthnError):
    """Empty, too long, or not printable."""

    def __init__(self, longest: int) -> None:
        super().__init__(f"a name is printable text of 1 to {longest} characters")


class EmailTakenError(AuthnError):
    """Addresses are compared trimmed and case folded."""

    def __init__(self) -> None:
        super().__init__("an account with this email address exists")


class ServiceNameError(AuthnError):
    """The message is a whole sentence."""


class KeyRingError(AuthnError):
    """The message says what to do."""


class AuthnUnavailableError(AuthnError):
    """`store` is the one that did not answer. Fail closed: nobody gets in on a guess."""

    def __init__(self, store: str) -> None:
        super().__init__(f"{store} does not answer")
        self.store = store
