"""An AWS of values: the deployer's real account on real boto3 clients, whose requests are answered here, on a clock.

botocore checks each request against its model before it comes here, and each answer is held to the same model, so
that the simulation cannot lie about the API. Lists come in short pages. A scenario says how stacks, rollouts and tasks
fare, and at which request AWS refuses, throttles, or the deployer is killed.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import Any

import boto3
from botocore import xform_name
from botocore.config import Config

from deploy.aws import Account
from tests.deploy.simulated.account import Refusal, Standing
from tests.deploy.simulated.api import check_answer, check_request, operation_of, paginators
from tests.deploy.simulated.clock import VirtualClock
from tests.deploy.simulated.cloudformation import Stacks
from tests.deploy.simulated.drifts import Drifts
from tests.deploy.simulated.ecr import Registry
from tests.deploy.simulated.ecs import Containers
from tests.deploy.simulated.kms import Keys
from tests.deploy.simulated.logs import Logs
from tests.deploy.simulated.others import Others
from tests.deploy.simulated.rds import Databases
from tests.deploy.simulated.resources import Resources
from tests.deploy.simulated.s3 import Objects

PAGE = 3
# Events come by the hundred, and a page of them as the real one would be.
PAGES = {"DescribeStackEvents": 100, "DescribeEvents": 100, "DescribeAlarms": 8}
LOOKING = ("Describe", "Get", "List", "Head", "BatchGet", "Filter")


class Killed(BaseException):
    """The deployer is killed: nothing of it runs on, not even what would clean up."""


@dataclass(frozen=True)
class Asked:
    service: str
    operation: str
    arguments: Mapping[str, Any]

    @property
    def changes(self) -> bool:
        return not self.operation.startswith(LOOKING)


class ScriptedAws:
    def __init__(self, region: str = "us-east-1") -> None:
        self.clock = VirtualClock()
        self.standing = Standing(self.clock, region=region)
        self.logs = Logs(self.standing)
        self.ecs = Containers(self.standing, self.logs)
        self.s3 = Objects(self.standing)
        self.rds = Databases(self.standing)
        self.ecr = Registry(self.standing)
        self.kms = Keys(self.standing)
        self.others = Others(self.standing, self.ecs.tasks)
        resources = Resources(
            self.standing,
            containers=self.ecs,
            objects=self.s3,
            databases=self.rds,
            registry=self.ecr,
            keys=self.kms,
            others=self.others,
        )
        self.cloudformation = Stacks(self.standing, resources)
        self.drifts = Drifts(self.standing, self.cloudformation.find)
        self.asked: list[Asked] = []
        self.refusals: list[tuple[Callable[[int, Asked], bool], Refusal]] = []
        # The number of the request at which the deployer dies, and whether AWS has carried it out by then.
        self.kill_at: int | None = None
        self.kill_after = False

    # --- for the scenario -------------------------------------------------------------------------------------------

    def account(self) -> Account:
        """The deployer's own account, on this AWS."""
        return Account(region=self.standing.region, client=self._client, clock=self.clock)

    def refuse(
        self,
        service: str,
        operation: str,
        code: str,
        message: str = "no",
        *,
        times: int = 1,
        passing: int = 0,
    ) -> None:
        """The next `times` requests for it are refused, once `passing` of them were let through."""
        seen: Counter[bool] = Counter()

        def hits(_: int, each: Asked) -> bool:
            if (each.service, each.operation) != (service, operation):
                return False
            seen[True] += 1
            return passing < seen[True] <= passing + times

        self.refusals.append((hits, Refusal(code, message)))

    def refuse_from(self, number: int, code: str, message: str = "no", *, times: int = 1 << 30) -> None:
        """From a request of this number on, counted from now, everything is refused."""
        first = len(self.asked) + number
        self.refusals.append((lambda at, _: first <= at < first + times, Refusal(code, message)))

    def changes(self) -> list[str]:
        """What was asked that is more than looking, in order."""
        return [f"{each.service}:{each.operation}" for each in self.asked if each.changes]

    def count(self, service: str, operation: str) -> int:
        return sum((each.service, each.operation) == (service, operation) for each in self.asked)

    @contextmanager
    def killed_at(self, number: int, *, afterwards: bool) -> Iterator[None]:
        self.kill_at, self.kill_after = len(self.asked) + number, afterwards
        try:
            yield
        except Killed:
            pass
        finally:
            self.kill_at = None

    # --- the wire ---------------------------------------------------------------------------------------------------

    def _client(self, service: str) -> Any:
        client = _real_client(service, self.standing.region)
        client.answering.aws = self
        return client

    def answer(self, service: str, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        model = operation_of(service, operation)
        check_request(model, arguments)
        asked = Asked(service, operation, arguments)
        self.asked.append(asked)
        number = len(self.asked)
        if self.kill_at and number >= self.kill_at + self.kill_after:
            # The dead ask nothing any more, whatever they had meant to do at the end.
            raise Killed
        for hits, refusal in self.refusals:
            if hits(number, asked):
                raise refusal
        who = self.drifts if "Drift" in operation else self._service(service)
        found = getattr(who, xform_name(operation))(arguments)
        page = self._page(service, operation, found, arguments)
        check_answer(model, page)
        if number == self.kill_at:
            raise Killed
        return page

    def _service(self, name: str) -> Any:
        own = {
            "cloudformation": self.cloudformation,
            "ecs": self.ecs,
            "s3": self.s3,
            "rds": self.rds,
            "logs": self.logs,
            "ecr": self.ecr,
            "kms": self.kms,
            "secretsmanager": self.kms,
        }
        return own.get(name, self.others)

    @staticmethod
    def _page(
        service: str, operation: str, found: dict[str, Any], arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        """A short page of what is listed, and the token for the next, as the service's own pagination has it."""
        rules = paginators(service).get(operation)
        if rules is None or rules.get("more_results") == "HasMoreStacks":
            return found
        size = PAGES.get(operation, PAGE)
        keys, tokens = _names(rules["result_key"]), _names(rules["input_token"])
        start = int(str(arguments.get(tokens[0], "0")).rpartition("-")[2] or 0)
        rows = [(key, row) for key in keys if isinstance(found.get(key), list) for row in found[key]]
        page: dict[str, Any] = {key: each for key, each in found.items() if key not in keys}
        for key in keys:
            if key in found:
                page[key] = [row for name, row in rows[start : start + size] if name == key]
        if len(rows) > start + size:
            for name in _names(rules["output_token"]):
                page[name.partition(" ")[0]] = f"page-{start + size}"
            if flag := rules.get("more_results"):
                page[flag] = True
        return page


def _names(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


# --- real clients whose requests go nowhere -------------------------------------------------------------------------


@cache
def _session() -> Any:
    return boto3.Session(aws_access_key_id="scripted", aws_secret_access_key="scripted")


@cache
def _real_client(service: str, region: str) -> Any:
    """Made once in a process, because making one takes a tenth of a second; `answering` says whose turn it is."""
    client = _session().client(service, region_name=region, config=Config(retries={"total_max_attempts": 1}))
    client.answering = SimpleNamespace(aws=None)

    def remember(params: Mapping[str, Any], context: dict[str, Any], **_: Any) -> None:
        context["scripted"] = dict(params)

    def answer(model: Any, context: dict[str, Any], **_: Any) -> tuple[Any, dict[str, Any]]:
        try:
            parsed = client.answering.aws.answer(service, model.name, context["scripted"])
            return SimpleNamespace(status_code=200), {**parsed, "ResponseMetadata": {"HTTPStatusCode": 200}}
        except Refusal as refusal:
            said = {"Code": refusal.code, "Message": refusal.message}
            metadata = {"HTTPStatusCode": refusal.status}
            return SimpleNamespace(status_code=refusal.status), {"Error": said, "ResponseMetadata": metadata}

    name = client.meta.service_model.service_id.hyphenize()
    client.meta.events.register_first(f"before-parameter-build.{name}", remember)
    client.meta.events.register_first(f"before-call.{name}", answer)
    return client
