"""Calls of ECS about services and their deployments."""

import time

from deploy.rehearsal.cloud.ecs import Document, Ecs, EcsError
from deploy.rehearsal.cloud.services import Keeper

# What UpdateService may change; the first three make a new deployment.
REVISED = ("taskDefinition", "networkConfiguration", "platformVersion")
UPDATED = (
    "networkConfiguration",
    "platformVersion",
    "deploymentConfiguration",
    "enableExecuteCommand",
    "propagateTags",
    "enableECSManagedTags",
    "availabilityZoneRebalancing",
    "healthCheckGracePeriodSeconds",
)


def create_service(ecs: Ecs, given: Document) -> Document:
    cluster, name = ecs.cluster(given), given["serviceName"]
    existing = ecs.find_service(cluster, name)
    if existing is not None and existing.status != "INACTIVE":
        raise EcsError("InvalidParameterException", "Creation of service was not idempotent.")
    service = Keeper(
        arn=ecs.arn(f"service/{cluster.name}/{name}"),
        name=name,
        cluster_arn=cluster.arn,
        document={key: given[key] for key in (*UPDATED, "launchType") if key in given},
        tags=given.get("tags", []),
        desired=int(given.get("desiredCount", 1)),
        start_task=ecs.start_service_task,
        restart_seconds=ecs.machine.pace.restart_seconds,
    )
    service.deploy(ecs.definition(given["taskDefinition"]), source=None)
    ecs.services[f"{cluster.name}/{name}"] = service
    ecs.tags[service.arn] = service.tags
    return {"service": service.describe()}


def update_service(ecs: Ecs, given: Document) -> Document:
    service = ecs.service(given)
    before = {"taskDefinition": service.target.definition.arn, **service.document}
    definition = ecs.definition(given.get("taskDefinition", service.target.definition.arn))
    asked = {**given, "taskDefinition": definition.arn}
    is_new = bool(given.get("forceNewDeployment")) or any(
        key in asked and asked[key] != before.get(key) for key in REVISED
    )
    service.document |= {key: given[key] for key in UPDATED if key in given}
    service.desired = int(given.get("desiredCount", service.desired))
    if is_new:
        service.deploy(definition, source=service.last_good())
    ecs.tell()
    return {"service": service.describe()}


def delete_service(ecs: Ecs, given: Document) -> Document:
    service = ecs.service(given)
    if service.desired and not given.get("force"):
        raise EcsError(
            "InvalidParameterException", "The service cannot be stopped while it is scaled above 0."
        )
    service.desired, service.status = 0, "DRAINING"
    ecs.tell()
    return {"service": service.describe()}


def describe_services(ecs: Ecs, given: Document) -> Document:
    cluster, found, failures = ecs.cluster(given), [], []
    for name in given["services"]:
        service = ecs.find_service(cluster, str(name))
        if service is None:
            arn = ecs.arn(f"service/{cluster.name}/{str(name).rpartition('/')[2]}")
            failures.append({"arn": arn, "reason": "MISSING"})
            continue
        if service.status == "DRAINING" and not service.live:
            service.status = "INACTIVE"
        said = service.describe()
        found.append(said | ({"tags": service.tags} if "TAGS" in given.get("include", []) else {}))
    return {"services": found, "failures": failures}


def list_services(ecs: Ecs, given: Document) -> Document:
    cluster = ecs.cluster(given)
    found = [e for e in ecs.services.values() if e.cluster_arn == cluster.arn and e.status == "ACTIVE"]
    return {"serviceArns": [each.arn for each in found]}


def list_service_deployments(ecs: Ecs, given: Document) -> Document:
    service = ecs.service(given)
    wanted, between = given.get("status", []), given.get("createdAt", {})
    found = [
        each.brief(service)
        for each in service.deployments
        if (not wanted or each.status in wanted)
        and between.get("after", 0) <= each.created_at <= between.get("before", time.time())
    ]
    return {"serviceDeployments": found}


def describe_service_deployments(ecs: Ecs, given: Document) -> Document:
    found, failures = [], []
    for arn in given["serviceDeploymentArns"]:
        try:
            service, deployment = ecs.deployment(arn)
            found.append(deployment.describe(service))
        except EcsError:
            failures.append({"arn": arn, "reason": "MISSING"})
    return {"serviceDeployments": found, "failures": failures}


def stop_service_deployment(ecs: Ecs, given: Document) -> Document:
    service, deployment = ecs.deployment(given["serviceDeploymentArn"])
    if deployment.has_ended:
        raise EcsError("ConflictException", "The service deployment has ended already.")
    if given.get("stopType", "ROLLBACK") == "ABORT":
        deployment.move("STOP_REQUESTED", "Stopped by the user.")
    elif deployment.source is None:
        raise EcsError("ClientException", "There is no service revision to roll back to.")
    else:
        deployment.move("ROLLBACK_REQUESTED")
        service.turn_back("Rolled back by the user.")
    ecs.tell()
    return {"serviceDeploymentArn": deployment.arn}


def describe_service_revisions(ecs: Ecs, given: Document) -> Document:
    revisions = [
        (service, each.target)
        for service in ecs.services.values()
        for each in service.deployments
        if each.target.arn in given["serviceRevisionArns"]
    ]
    found = [
        {
            "serviceRevisionArn": revision.arn,
            "serviceArn": service.arn,
            "clusterArn": service.cluster_arn,
            "taskDefinition": revision.definition.arn,
            "launchType": "FARGATE",
            "containerImages": [
                {
                    "containerName": each["name"],
                    "image": each["image"],
                    "imageDigest": each["image"].partition("@")[2],
                }
                for each in revision.definition.document["containerDefinitions"]
            ],
        }
        for service, revision in revisions
    ]
    known = {each["serviceRevisionArn"] for each in found}
    failures = [{"arn": arn, "reason": "MISSING"} for arn in given["serviceRevisionArns"] if arn not in known]
    return {"serviceRevisions": found, "failures": failures}


def list_tags_for_resource(ecs: Ecs, given: Document) -> Document:
    return {"tags": ecs.tags.get(given["resourceArn"], [])}
