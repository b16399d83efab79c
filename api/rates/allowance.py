"""What one request, or one socket, may still spend; and what its client is told of that."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from api.errors import UNAVAILABLE
from api.rates.rates import Claim, Rates, Verdict
from permissions.access import Access
from resolvers.errors import TooFastError


class Allowance:
    """`state` is that of the connection: the answer's headers tell what was noted there."""

    __slots__ = ("_access", "_claims", "_ip", "_rates", "_state")

    def __init__(self, rates: Rates, ip: str | None, state: Any) -> None:
        self._rates: Final = rates
        self._ip: Final = ip
        self._state: Final = state
        self._access: Access | None = None
        self._claims: Sequence[Claim] = ()
        """Those of the access that was asked for last."""

    def require(self, access: Access) -> None:
        """Raise `TooFastError` where it is known that nothing is let pass yet."""
        verdict = self._rates.known(self._claims_of(access))
        if verdict is not None:
            self._tell(verdict)

    def spent(self, access: Access, cost: int) -> bool:
        """Count what costs so much, if nobody has to be asked; False where nothing was counted."""
        verdict = self._rates.spent(self._claims_of(access), cost)
        if verdict is None:
            return False
        self._tell(verdict)
        return True

    async def spend(self, access: Access, cost: int) -> None:
        """Count what costs so much. Raise `TooFastError` where that is too much by now, `RedisError` as `Rates`."""
        claims = self._claims_of(access)
        self._tell(self._rates.spent(claims, cost) or await self._rates.claim(claims, cost))

    async def charge(self, access: Access, cost: int) -> None:
        """The same. Where it is too much the least is counted: or he could go on with what he can't pay for."""
        try:
            await self.spend(access, cost)
        except TooFastError:
            refused = self._state.rate
            with suppress(TooFastError, *UNAVAILABLE):
                await self.spend(access, 0)
            self._state.rate = refused
            raise

    async def deny(self, access: Access, number: int) -> None:
        """Count denials that are written down; as `charge`."""
        if price := self._rates.limits.denial:
            await self.charge(access, number * price)

    def _claims_of(self, access: Access) -> Sequence[Claim]:
        if access is not self._access:
            self._access, self._claims = access, self._rates.claims(access, self._ip)
        return self._claims

    def _tell(self, verdict: Verdict) -> None:
        self._state.rate = verdict
        if verdict.retry_after is not None:
            reason = f"more than may be done in a minute: come back in {verdict.retry_after} seconds"
            raise TooFastError(reason, verdict.retry_after)
