"""What the simulated services have in common: the account they stand in, and how AWS says no."""

from dataclasses import dataclass

from tests.deploy.simulated.clock import VirtualClock


class Refusal(Exception):
    """AWS answered with an error: its code, its words, its HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status = code, message, status


@dataclass
class Standing:
    """Where everything stands: whose account, which region, what time it is, and the next number for a name."""

    clock: VirtualClock
    account_id: str = "123456789012"
    region: str = "us-east-1"
    given: int = 0

    def number(self) -> int:
        self.given += 1
        return self.given

    def arn(self, service: str, rest: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account_id}:{rest}"
