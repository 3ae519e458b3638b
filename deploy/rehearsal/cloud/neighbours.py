"""The other services of the simulated AWS as a task agent needs them, asked over HTTP like anybody else would.

Only JSON and query calls, so Python's own client is enough; no signature, because the simulation judges none.
"""

import json
import re
import urllib.error
import urllib.parse
import urllib.request
from typing import Any
from xml.etree import ElementTree

TIMEOUT_SECONDS = 30.0
VERSIONS = {
    "cloudformation": "2010-05-15",
    "ec2": "2016-11-15",
    "iam": "2010-05-08",
    "monitoring": "2010-08-01",
    "rds": "2014-10-31",
}


class Refused(Exception):
    """{operation} was refused: {code}, {said}"""

    def __init__(self, operation: str, code: str, said: str) -> None:
        super().__init__(f"{operation} was refused: {code}, {said}")
        self.code = code


class Neighbours:
    def __init__(self, endpoint: str, region: str, key: str) -> None:
        self.endpoint = endpoint
        self.region = region
        self._key = key

    def logs(self, operation: str, **arguments: Any) -> dict[str, Any]:
        return self.json("logs", f"Logs_20140328.{operation}", arguments)

    def secret(self, reference: str) -> str:
        """What `valueFrom` of a task definition names: an ARN, perhaps with a field of JSON, a stage and a version."""
        parts = reference.split(":")
        field, stage, version = (*parts[7:], "", "", "")[:3]
        arguments = {"SecretId": ":".join(parts[:7])}
        arguments |= {"VersionStage": stage} if stage else {}
        arguments |= {"VersionId": version} if version else {}
        text = str(self.json("secretsmanager", "secretsmanager.GetSecretValue", arguments)["SecretString"])
        if not field:
            return text
        fields = json.loads(text)
        if field not in fields:
            raise Refused("GetSecretValue", "ResourceNotFound", f"the secret has no field {field}")
        return str(fields[field])

    def make_secret(self, name: str, text: str, *, key_id: str) -> str:
        """The ARN of a new secret."""
        arguments = {"Name": name, "SecretString": text, "ClientRequestToken": name.ljust(32, "-")[:64]}
        arguments |= {"KmsKeyId": key_id} if key_id else {}
        return str(self.json("secretsmanager", "secretsmanager.CreateSecret", arguments)["ARN"])

    def drop_secret(self, arn: str) -> None:
        arguments = {"SecretId": arn, "ForceDeleteWithoutRecovery": True}
        self.json("secretsmanager", "secretsmanager.DeleteSecret", arguments)

    def put_metric_data(self, namespace: str, data: list[dict[str, Any]]) -> None:
        form = {"Namespace": namespace}
        for number, datum in enumerate(data, start=1):
            member = f"MetricData.member.{number}"
            form |= {f"{member}.{key}": str(datum[key]) for key in ("MetricName", "Value", "Unit")}
            for index, dimension in enumerate(datum["Dimensions"], start=1):
                form[f"{member}.Dimensions.member.{index}.Name"] = dimension["Name"]
                form[f"{member}.Dimensions.member.{index}.Value"] = dimension["Value"]
        self.query("monitoring", "PutMetricData", form)

    def role_statements(self, role: str) -> list[dict[str, Any]]:
        """Every statement of the role's inline policies, which are all that our templates have."""
        names = self.query("iam", "ListRolePolicies", {"RoleName": role}).iter("member")
        statements: list[dict[str, Any]] = []
        for name in [each.text for each in names]:
            found = self.query("iam", "GetRolePolicy", {"RoleName": role, "PolicyName": str(name)})
            document = json.loads(urllib.parse.unquote(text_of(found, "PolicyDocument")))
            statements += document["Statement"]
        return statements

    def query(self, service: str, operation: str, form: dict[str, str]) -> ElementTree.Element:
        """A call in the query protocol: flat names in, XML out, whose names come without their namespace."""
        body = urllib.parse.urlencode({"Action": operation, "Version": VERSIONS[service], **form}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = self._post(service, body, headers, operation).decode()
        return ElementTree.fromstring(re.sub(r'\sxmlns="[^"]*"', "", answer, count=1))

    def json(self, service: str, target: str, arguments: dict[str, Any]) -> dict[str, Any]:
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target}
        answer = self._post(service, json.dumps(arguments).encode(), headers, target.partition(".")[2])
        return dict(json.loads(answer or b"{}"))

    def _post(self, service: str, body: bytes, headers: dict[str, str], operation: str) -> bytes:
        scope = f"{self._key}/20260101/{self.region}/{service}/aws4_request"
        signature = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none"
        request = urllib.request.Request(
            f"{self.endpoint}/", data=body, headers={**headers, "Authorization": signature}
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as fault:
            said = fault.read().decode(errors="replace")
            try:
                document = json.loads(said)
            except ValueError:
                document = {}
            code = str(document.get("__type", fault.code)).rpartition("#")[2]
            raise Refused(operation, code, str(document.get("message", said[:200]))) from None


def text_of(answer: ElementTree.Element, name: str) -> str:
    """The first element of that name, wherever it stands."""
    found = next(answer.iter(name), None)
    if found is None or not found.text:
        raise Refused(answer.tag, "NoAnswer", f"it holds no {name}")
    return found.text
