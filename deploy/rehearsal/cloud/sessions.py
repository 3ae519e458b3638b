"""Sessions with a container, as far as AWS answers for them: who may be reached, and what a client is told of it.

AWS's agent and the channel to it are not here: deploy/rehearsal/plugin.py, which stands in for AWS's plugin, carries
the port by itself, since a task's network is this machine's.
"""

import secrets

from deploy.rehearsal.cloud.ecs import Document, Ecs
from deploy.rehearsal.cloud.tasks import EXEC_AGENT

FORWARDING = "AWS-StartPortForwardingSession"


def start(ecs: Ecs, given: Document) -> tuple[int, Document]:
    document, target = given.get("DocumentName"), str(given.get("Target", ""))
    if document != FORWARDING:
        said = f"The rehearsal knows the document {FORWARDING}, not {document}."
        return 400, {"__type": "InvalidDocument", "message": said}
    if target not in _connected(ecs):
        return 400, {"__type": "TargetNotConnected", "message": f"{target} is not connected."}
    session = f"rehearsal-{secrets.token_hex(8)}"
    return 200, {
        "SessionId": session,
        "TokenValue": secrets.token_urlsafe(40),
        "StreamUrl": f"wss://ssmmessages.{ecs.region}.amazonaws.com/v1/data-channel/{session}",
    }


def _connected(ecs: Ecs) -> set[str]:
    """As a session names them (ecs:CLUSTER_TASK_RUNTIMEID), the containers that AWS's agent would be in."""
    return {
        f"ecs:{task.cluster_arn.rpartition('/')[2]}_{task.id}_{each['runtimeId']}"
        for task in list(ecs.tasks.values())
        for each in task.describe()["containers"]
        if {"name": EXEC_AGENT, "lastStatus": "RUNNING"} in each.get("managedAgents", [])
    }
