"""Who may come in: the token that a request shows becomes its principal, within what one caller may ask.

It speaks ASGI and knows no framework. A caller without a good token pays from the purse of its address, everybody else
from their own.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runtime import errors
from runtime.api.rates import Rates
from runtime.api.tokens import Principal, Role, Verifier

Scope = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Door:
    verifier: Verifier
    rates: Rates

    async def admit(self, scope: Scope, role: Role) -> Principal:
        """Whoever sent this request, if they are at least of this role."""
        try:
            principal = await self.believe(_token(scope))
        except errors.NotSignedIn:
            self.knock(scope)
            raise
        principal.require(role)
        return principal

    async def believe(self, token: str) -> Principal:
        """Whose token it is, wherever it was shown; their purse pays."""
        principal = self.verifier.recall(token) or await self._verified(token)
        self.rates.take(f"{principal.user}", time.monotonic())
        return principal

    def knock(self, scope: Scope) -> None:
        """Somebody who is nobody yet; the purse of their address pays."""
        client = scope.get("client")
        self.rates.take(f"at {client[0]}" if client else "somewhere", time.monotonic())

    async def _verified(self, token: str) -> Principal:
        """Published keys may have to be fetched, which must not hold up everybody."""
        if self.verifier.keys.algorithm == "HS256":
            return self.verifier.verify(token)
        return await asyncio.to_thread(self.verifier.verify, token)


def _token(scope: Scope) -> str:
    told = [value for name, value in scope["headers"] if name == b"authorization"]
    kind, _, token = (told[0] if len(told) == 1 else b"").partition(b" ")
    if kind.lower() != b"bearer":
        raise errors.NotSignedIn(detail="there is no bearer token")
    return str(token.strip(), "latin-1")
