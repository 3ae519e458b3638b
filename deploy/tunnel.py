"""tunnel: reach the page of a stage from this machine, through the account's own session channel; Ctrl-C ends it.

Nothing listens to the network on AWS: AWS's agent comes into the API's task when a session is asked for, and carries
one port of it to this machine. It needs AWS's session-manager-plugin here, and the right to start a session with a
task of this stage (docs/aws.md); who then signs in, and as what, is the token's matter.
"""

import argparse
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from typing import Any

from deploy.errors import BadUsage, Refused
from deploy.observe import Observed, observe
from deploy.site import Site
from stacks.settings import API

PLUGIN = "session-manager-plugin"
DOCUMENT = "AWS-StartPortForwardingSession"
# The plugin takes the answer from here and not from its arguments, which everybody on this machine may read.
RESPONSE = "AWS_SSM_START_SESSION_RESPONSE"
PORT_SETTING = "HOLDFAST_API_PORT"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=8080, help="of this machine (default: 8080)")


def run(site: Site, args: argparse.Namespace) -> int:
    if not 1 <= args.port <= 65535:
        raise BadUsage(detail=f"--port {args.port} is no port.")
    plugin = shutil.which(PLUGIN)
    if plugin is None:
        raise Refused(detail=f"{PLUGIN} is not on this machine; AWS's page on it says how to install it.")
    desired = site.read_templates()
    observed = observe(site.cloud, desired)
    cluster = observed.output(desired.stack("Platform").name, "ClusterName")
    task = _find_task(site, observed, cluster)
    target, port = _target(task, cluster), _port(site, task)
    asked = {
        "Target": target,
        "DocumentName": DOCUMENT,
        "Parameters": {"portNumber": [port], "localPortNumber": [str(args.port)]},
    }
    session = site.cloud.call("ssm", "StartSession", **asked)
    site.timeline.tell("tunnel", f"http://127.0.0.1:{args.port}/ is the page of {site.stage.name}")
    answer = json.dumps({name: session[name] for name in ("SessionId", "TokenValue", "StreamUrl")})
    region = site.cloud.region
    words = [plugin, RESPONSE, region, "StartSession", "", json.dumps(asked)]
    words.append(f"https://ssm.{region}.amazonaws.com")
    # Of this process, which ends with the plugin, and so of the plugin's.
    os.putenv(RESPONSE, answer)
    with subprocess.Popen(words) as process:
        return _wait(process)


def _wait(process: subprocess.Popen[bytes]) -> int:
    """Ctrl-C is the plugin's to answer, which hears it too: it ends the session, and then we end."""
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


def _find_task(site: Site, observed: Observed, cluster: str) -> Mapping[str, Any]:
    live = observed.desks.get(API)
    if live is None:
        raise Refused(
            detail=f"stage {site.stage.name} has no API on AWS: name api_secret_arn or api_jwks_url, and deploy."
        )
    arns = list(
        site.cloud.pages(
            "ecs",
            "ListTasks",
            "taskArns",
            cluster=cluster,
            serviceName=live.service,
            desiredStatus="RUNNING",
        )
    )
    found = site.cloud.call("ecs", "DescribeTasks", cluster=cluster, tasks=arns)["tasks"] if arns else []
    task = next((each for each in found if each["lastStatus"] == "RUNNING"), None)
    if task is None:
        raise Refused(detail="no task of the API runs; `status` says why.")
    return dict(task)


def _target(task: Mapping[str, Any], cluster: str) -> str:
    """As the session channel names a container: ecs:CLUSTER_TASK_RUNTIMEID."""
    container = next(each for each in task["containers"] if each["name"] == API)
    agents = {each["name"]: each["lastStatus"] for each in container.get("managedAgents", ())}
    if agents.get("ExecuteCommandAgent") != "RUNNING":
        status = agents.get("ExecuteCommandAgent", "not there")
        raise Refused(
            detail=f"AWS's agent in the API's task is {status}; it comes within a minute of the task's start."
        )
    return f"ecs:{cluster}_{str(task['taskArn']).rpartition('/')[2]}_{container['runtimeId']}"


def _port(site: Site, task: Mapping[str, Any]) -> str:
    found = site.cloud.call("ecs", "DescribeTaskDefinition", taskDefinition=task["taskDefinitionArn"])
    (container,) = found["taskDefinition"]["containerDefinitions"]
    return str({each["name"]: each["value"] for each in container["environment"]}[PORT_SETTING])
