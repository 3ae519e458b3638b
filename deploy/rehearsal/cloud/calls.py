"""The API of ECS, as far as a deployer of Fargate services speaks it. What it does not know it refuses by name."""

from collections.abc import Callable

from deploy.rehearsal.cloud import service_calls, task_calls
from deploy.rehearsal.cloud.ecs import Document, Ecs, EcsError

OPERATIONS: dict[str, Callable[[Ecs, Document], Document]] = {
    "CreateCluster": task_calls.create_cluster,
    "DeleteCluster": task_calls.delete_cluster,
    "DescribeClusters": task_calls.describe_clusters,
    "ListClusters": task_calls.list_clusters,
    "RegisterTaskDefinition": task_calls.register_task_definition,
    "DeregisterTaskDefinition": task_calls.deregister_task_definition,
    "DescribeTaskDefinition": task_calls.describe_task_definition,
    "ListTaskDefinitions": task_calls.list_task_definitions,
    "ListAccountSettings": task_calls.list_account_settings,
    "RunTask": task_calls.run_task,
    "StopTask": task_calls.stop_task,
    "DescribeTasks": task_calls.describe_tasks,
    "ListTasks": task_calls.list_tasks,
    "CreateService": service_calls.create_service,
    "UpdateService": service_calls.update_service,
    "DeleteService": service_calls.delete_service,
    "DescribeServices": service_calls.describe_services,
    "ListServices": service_calls.list_services,
    "ListServiceDeployments": service_calls.list_service_deployments,
    "DescribeServiceDeployments": service_calls.describe_service_deployments,
    "StopServiceDeployment": service_calls.stop_service_deployment,
    "DescribeServiceRevisions": service_calls.describe_service_revisions,
    "ListTagsForResource": service_calls.list_tags_for_resource,
}


def answer(ecs: Ecs, operation: str, given: Document) -> tuple[int, Document]:
    """The status and the document that the operation answers with."""
    perform = OPERATIONS.get(operation)
    try:
        if perform is None:
            raise EcsError("UnsupportedFeatureException", f"The rehearsal's ECS has no {operation}.")
        with ecs.changed:
            return 200, perform(ecs, given)
    except EcsError as fault:
        return 400, {"__type": fault.code, "message": fault.said}
