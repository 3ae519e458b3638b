"""AWS through boto3; the only module of the deployer that knows it.

Every error is translated here, once. Throttling and lost connections are tried again with back-off. The endpoint comes
from AWS_ENDPOINT_URL and the credentials from wherever boto3 finds them. What was called is kept in `calls`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

import boto3
import botocore.session
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoAuthTokenError,
    NoCredentialsError,
    PartialCredentialsError,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as NotConnected
from botocore.paginate import Paginator

from deploy import errors
from deploy.clock import Clock, WallClock
from deploy.cloud import is_throttle, refusal

ATTEMPTS_MAX = 6
BACKOFF_SECONDS, BACKOFF_SECONDS_MAX = 1.0, 20.0
# botocore's own attempts come first and are quick; ours follow, for the minutes in which AWS goes on throttling.
CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 3},
    connect_timeout=10,
    read_timeout=60,
    user_agent_extra="holdfast-deploy",
)
# How the pages of a service hang together, from the library's own tables.
_PAGES = cache(botocore.session.get_session().get_paginator_model)
NO_CREDENTIALS = (
    NoCredentialsError,
    PartialCredentialsError,
    NoAuthTokenError,
    TokenRetrievalError,
    SSOError,
)


@dataclass(slots=False)
class Account:
    """An account in a region. Made by `open_account`, or by a test with clients of its own."""

    region: str
    client: Callable[[str], Any]
    clock: Clock = field(default_factory=WallClock)
    calls: list[tuple[str, str]] = field(default_factory=list)

    @cached_property
    def account_id(self) -> str:
        return str(self.call("sts", "GetCallerIdentity")["Account"])

    def call(self, service: str, operation: str, /, **arguments: Any) -> dict[str, Any]:
        act = getattr(self.client(service), xform_name(operation))
        answer: dict[str, Any] = self._try(service, operation, lambda: _whole(act(**arguments)))
        return answer

    def pages(self, service: str, operation: str, key: str, /, **arguments: Any) -> Iterator[Any]:
        """Each page is tried by itself: a paginator through which an error went is at its end and drops the rest."""
        client = self.client(service)
        act = getattr(client, xform_name(operation))
        paginator = Paginator(
            lambda **page: self._try(service, operation, lambda: act(**page)),
            _PAGES(service).get_paginator(operation),
            client.meta.service_model.operation_model(operation),
        )
        for page in paginator.paginate(**arguments):
            yield from page.get(key, ())

    def _try(self, service: str, operation: str, act: Callable[[], Any]) -> Any:
        self.calls.append((service, operation))
        for attempt in range(1, ATTEMPTS_MAX + 1):
            try:
                return act()
            except ClientError as fault:
                answer = fault.response.get("Error", {})
                code, said = str(answer.get("Code", "")), str(answer.get("Message", ""))
                if attempt == ATTEMPTS_MAX or not is_throttle(code, said):
                    raise refusal(service, operation, code, said, attempts=attempt) from fault
            except NO_CREDENTIALS as fault:
                raise refusal(service, operation, "NoCredentials", str(fault)) from fault
            except (HTTPClientError, NotConnected) as fault:
                if attempt == ATTEMPTS_MAX:
                    raise errors.AwsUnreachable(
                        service=service, operation=operation, attempts=attempt, detail=type(fault).__name__
                    ) from fault
            except BotoCoreError as fault:
                raise refusal(service, operation, type(fault).__name__, str(fault)) from fault
            self.clock.wait(min(BACKOFF_SECONDS * 2 ** (attempt - 1), BACKOFF_SECONDS_MAX))
        raise AssertionError("the last attempt returns or raises")


def _whole(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The answer with its body read, and without what only the transport is interested in."""
    return {
        name: value.read() if hasattr(value, "read") else value
        for name, value in answer.items()
        if name != "ResponseMetadata"
    }


def open_account(region: str, clock: Clock) -> Account:
    """The region is the stage's; whether the credentials belong to its account is asked by the preflight."""
    found = boto3.Session(region_name=region or None)
    if not found.region_name:
        raise errors.BadUsage(detail="No region is known: give the stage one, or set AWS_REGION.") from None
    clients: dict[str, Any] = {}

    def client(service: str) -> Any:
        if service not in clients:
            clients[service] = found.client(service, config=CONFIG)
        return clients[service]

    return Account(region=found.region_name, client=client, clock=clock)
