"""Calls of ECS about clusters, task definitions and tasks: what arrives, what is refused, what is answered."""

from deploy.rehearsal.cloud import definitions
from deploy.rehearsal.cloud.definitions import Definition
from deploy.rehearsal.cloud.ecs import Cluster, Document, Ecs, EcsError

RUN_TASK_MAX = 10
DEFAULT_SETTINGS = {"fargateTaskRetirementWaitPeriod": "7", "containerInsights": "disabled"}


# --- clusters and definitions ---------------------------------------------------------------------------------------


def create_cluster(ecs: Ecs, given: Document) -> Document:
    name = given.get("clusterName", "default")
    cluster = Cluster(
        arn=ecs.arn(f"cluster/{name}"), name=name, document={"settings": given.get("settings", [])}
    )
    ecs.clusters[name] = cluster
    ecs.tags[cluster.arn] = given.get("tags", [])
    return {"cluster": _describe_cluster(ecs, cluster)}


def delete_cluster(ecs: Ecs, given: Document) -> Document:
    cluster = ecs.cluster(given)
    if any(each.cluster_arn == cluster.arn and each.status != "INACTIVE" for each in ecs.services.values()):
        raise EcsError(
            "ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active."
        )
    if any(each.cluster_arn == cluster.arn and not each.is_stopped for each in ecs.tasks.values()):
        raise EcsError(
            "ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active."
        )
    del ecs.clusters[cluster.name]
    return {"cluster": {**_describe_cluster(ecs, cluster), "status": "INACTIVE"}}


def describe_clusters(ecs: Ecs, given: Document) -> Document:
    names = [str(each).rpartition("/")[2] for each in given.get("clusters", ["default"])]
    failures = [
        {"arn": ecs.arn(f"cluster/{name}"), "reason": "MISSING"} for name in names if name not in ecs.clusters
    ]
    found = [_describe_cluster(ecs, ecs.clusters[name]) for name in names if name in ecs.clusters]
    return {"clusters": found, "failures": failures}


def list_clusters(ecs: Ecs, _: Document) -> Document:
    return {"clusterArns": [each.arn for each in ecs.clusters.values()]}


def _describe_cluster(ecs: Ecs, cluster: Cluster) -> Document:
    services = [each for each in ecs.services.values() if each.cluster_arn == cluster.arn]
    tasks = [each for each in ecs.tasks.values() if each.cluster_arn == cluster.arn and not each.is_stopped]
    running = sum(each.last_status == "RUNNING" for each in tasks)
    return {
        **cluster.document,
        "clusterArn": cluster.arn,
        "clusterName": cluster.name,
        "status": cluster.status,
        "activeServicesCount": sum(each.status == "ACTIVE" for each in services),
        "runningTasksCount": running,
        "pendingTasksCount": len(tasks) - running,
        "registeredContainerInstancesCount": 0,
        "tags": ecs.tags.get(cluster.arn, []),
    }


def register_task_definition(ecs: Ecs, given: Document) -> Document:
    document = {key: value for key, value in given.items() if key not in ("family", "tags")}
    refusal = definitions.check(document)
    if refusal:
        raise EcsError("ClientException", refusal)
    family = given["family"]
    revision = 1 + max((e.revision for e in ecs.definitions.values() if e.family == family), default=0)
    definition = Definition(
        ecs.arn(f"task-definition/{family}:{revision}"), family, revision, document, given.get("tags", [])
    )
    ecs.definitions[f"{family}:{revision}"] = definition
    ecs.tags[definition.arn] = definition.tags
    return {"taskDefinition": definition.describe(), "tags": definition.tags}


def deregister_task_definition(ecs: Ecs, given: Document) -> Document:
    definition = ecs.definition(given["taskDefinition"])
    definition.is_active = False
    return {"taskDefinition": definition.describe()}


def describe_task_definition(ecs: Ecs, given: Document) -> Document:
    definition = ecs.definition(given["taskDefinition"])
    return {"taskDefinition": definition.describe(), "tags": definition.tags}


def list_task_definitions(ecs: Ecs, given: Document) -> Document:
    prefix, is_active = given.get("familyPrefix", ""), given.get("status", "ACTIVE") == "ACTIVE"
    found = [e for e in ecs.definitions.values() if prefix in ("", e.family) and e.is_active == is_active]
    found.sort(key=lambda each: each.revision, reverse=given.get("sort") == "DESC")
    return {"taskDefinitionArns": [each.arn for each in found]}


def list_account_settings(ecs: Ecs, given: Document) -> Document:
    """As an account has them that nobody has changed."""
    name = given.get("name", "fargateTaskRetirementWaitPeriod")
    principal = f"arn:aws:iam::{ecs.account_id}:root"
    return {
        "settings": [
            {"name": name, "value": DEFAULT_SETTINGS.get(name, "disabled"), "principalArn": principal}
        ]
    }


# --- tasks ----------------------------------------------------------------------------------------------------------


def run_task(ecs: Ecs, given: Document) -> Document:
    cluster, definition = ecs.cluster(given), ecs.definition(given["taskDefinition"])
    token = given.get("clientToken", "")
    tasks = ecs.seen_token(token, given) if token else None
    if tasks is None:
        _refuse_task(given, definition)
        document: Document = {
            key: given[key]
            for key in ("group", "startedBy", "launchType", "tags", "propagateTags")
            if key in given
        }
        document.setdefault("group", f"family:{definition.family}")
        tasks = [
            ecs.start_task(cluster.arn, definition, document, given.get("overrides", {}))
            for _ in range(int(given.get("count", 1)))
        ]
        if token:
            ecs.keep_token(token, given, tasks)
    return {"tasks": [each.describe() for each in tasks], "failures": []}


def _refuse_task(given: Document, definition: Definition) -> None:
    if not definition.is_active:
        raise EcsError("InvalidParameterException", "TaskDefinition is inactive.")
    if int(given.get("count", 1)) > RUN_TASK_MAX:
        raise EcsError("InvalidParameterException", f"count is more than {RUN_TASK_MAX}.")
    if definition.document.get("networkMode") == "awsvpc" and "networkConfiguration" not in given:
        raise EcsError(
            "InvalidParameterException",
            "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
        )


def stop_task(ecs: Ecs, given: Document) -> Document:
    ecs.cluster(given)
    task = ecs.tasks.get(str(given["task"]).rpartition("/")[2])
    if task is None:
        raise EcsError("InvalidParameterException", "The referenced task was not found.")
    task.stop(given.get("reason", "Task stopped by user"), "UserInitiated")
    return {"task": task.describe()}


def describe_tasks(ecs: Ecs, given: Document) -> Document:
    cluster = ecs.cluster(given)
    names = [str(each).rpartition("/")[2] for each in given["tasks"]]
    failures = [
        {"arn": ecs.arn(f"task/{cluster.name}/{name}"), "reason": "MISSING"}
        for name in names
        if name not in ecs.tasks
    ]
    found = [ecs.tasks[name].describe() for name in names if name in ecs.tasks]
    return {"tasks": found, "failures": failures}


def list_tasks(ecs: Ecs, given: Document) -> Document:
    cluster, wanted = ecs.cluster(given), given.get("desiredStatus", "RUNNING")
    found = [e for e in ecs.tasks.values() if e.cluster_arn == cluster.arn and e.desired_status == wanted]
    if "serviceName" in given:
        group = f"service:{given['serviceName'].rpartition('/')[2]}"
        found = [each for each in found if each.document.get("group") == group]
    if "family" in given:
        found = [each for each in found if each.definition.family == given["family"]]
    if "startedBy" in given:
        found = [each for each in found if each.document.get("startedBy") == given["startedBy"]]
    return {"taskArns": [each.arn for each in reversed(found)]}
