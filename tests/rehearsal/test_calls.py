"""Every call that the deployer's source makes, made once: one that the simulation lacks would be found in mid-story."""

import re
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError
from botocore.model import Shape

from deploy.policy import scan_calls
from tests.rehearsal.conftest import Client

LACKING = re.compile(r"Unknown|InvalidAction|UnsupportedFeature|NotImplemented|not implemented|InternalError")


def least(shape: Shape | None) -> Any:
    """The smallest request of that shape; most are refused for what they name, which is an answer."""
    kind = shape.type_name if shape else "structure"
    match kind:
        case "structure":
            members = getattr(shape, "members", {})
            return {name: least(members[name]) for name in getattr(shape, "required_members", ())}
        case "list":
            return [least(getattr(shape, "member", None))]
        case "boolean":
            return False
        case "integer" | "long" | "float" | "double":
            return 1
        case "timestamp":
            return "2026-11-21T00:00:00Z"
        case "blob":
            return b""
        case _:
            return next(iter(getattr(shape, "enum", ())), "x" * 20)


def test_simulation__knows_every_call_of_the_deployer(client: Client) -> None:
    calls = scan_calls()
    lacking = []
    for service, operation in sorted(calls):
        asked = client(service)
        shape = asked.meta.service_model.operation_model(operation).input_shape
        try:
            asked._make_api_call(operation, least(shape))
        except ParamValidationError:
            continue
        except ClientError as refusal:
            if LACKING.search(str(refusal)):
                lacking.append(str(refusal))
    assert len(calls) > 50
    assert not lacking, "\n".join(lacking)
