"""CloudFormation: stacks, events, exports in use, deletion by the resources' own policies, and how each can fail.

What a stack makes really stands in the other simulated services afterwards, and what it cannot delete stays there.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tests.deploy.simulated.account import Refusal
from tests.deploy.simulated.changesets import ChangeSets
from tests.deploy.simulated.resources import Undeletable
from tests.deploy.simulated.stack_parts import Course, Stack, show_stack

Asked = Mapping[str, Any]


class Stacks(ChangeSets):
    # --- looking ----------------------------------------------------------------------------------------------------

    def describe_stacks(self, asked: Asked) -> dict[str, Any]:
        found = [self.find(asked["StackName"])] if "StackName" in asked else list(self.stacks.values())
        return {"Stacks": [show_stack(each) for each in found]}

    def list_stacks(self, asked: Asked) -> dict[str, Any]:
        wanted = asked.get("StackStatusFilter")
        return {
            "StackSummaries": [
                {"StackName": each.name, "CreationTime": each.created_at, "StackStatus": each.status}
                for each in (*self.stacks.values(), *self.deleted)
                if not wanted or each.status in wanted
            ]
        }

    def get_template(self, asked: Asked) -> dict[str, Any]:
        return {"TemplateBody": json.dumps(self.find(asked["StackName"]).template)}

    def list_stack_resources(self, asked: Asked) -> dict[str, Any]:
        now = self.standing.clock.now()
        return {
            "StackResourceSummaries": [
                {
                    "LogicalResourceId": each.logical,
                    "PhysicalResourceId": each.physical,
                    "ResourceType": each.type,
                    "ResourceStatus": each.status,
                    "LastUpdatedTimestamp": now,
                }
                for each in self.find(asked["StackName"]).resources.values()
            ]
        }

    def describe_stack_resource(self, asked: Asked) -> dict[str, Any]:
        stack = self.find(asked["StackName"])
        found = stack.resources.get(asked["LogicalResourceId"])
        if found is None:
            raise Refusal(
                "ValidationError", f"Resource {asked['LogicalResourceId']} does not exist for stack"
            )
        return {
            "StackResourceDetail": {
                "LogicalResourceId": found.logical,
                "PhysicalResourceId": found.physical,
                "ResourceType": found.type,
                "ResourceStatus": found.status,
                "LastUpdatedTimestamp": self.standing.clock.now(),
            }
        }

    def describe_stack_events(self, asked: Asked) -> dict[str, Any]:
        stack = self.find(asked["StackName"])
        return {
            "StackEvents": [
                {
                    "StackId": stack.id,
                    "EventId": f"{number}",
                    "StackName": stack.name,
                    "LogicalResourceId": each.logical,
                    "ResourceType": each.type,
                    "Timestamp": each.at,
                    "ResourceStatus": each.status,
                }
                | ({"ResourceStatusReason": each.reason} if each.reason else {})
                for number, each in enumerate(stack.events)
            ][::-1]
        }

    def describe_events(self, asked: Asked) -> dict[str, Any]:
        """What the checks before a deployment found stands here and nowhere else."""
        if "ChangeSetName" in asked:
            found = self._change_set(asked)
            said = [found.hidden] if found.hidden else []
        else:
            said = self.find(asked["StackName"]).hidden_events
        now = self.standing.clock.now()
        return {
            "OperationEvents": [
                {
                    "EventId": f"{number}",
                    "EventType": "VALIDATION_ERROR",
                    "Timestamp": now,
                    "LogicalResourceId": "Database",
                    "ValidationStatus": "FAILED",
                    "ValidationStatusReason": each,
                    "ValidationFailureMode": "FAIL",
                }
                for number, each in enumerate(said)
            ]
        }

    def list_imports(self, asked: Asked) -> dict[str, Any]:
        users = [each.name for each in self.stacks.values() if asked["ExportName"] in each.imports]
        if not users:
            raise Refusal("ValidationError", f"Export '{asked['ExportName']}' is not imported by any stack.")
        return {"Imports": users}

    # --- protection and deletion ------------------------------------------------------------------------------------

    def update_termination_protection(self, asked: Asked) -> dict[str, Any]:
        stack = self.find(asked["StackName"])
        stack.protected = asked["EnableTerminationProtection"]
        return {"StackId": stack.id}

    def cancel_update_stack(self, asked: Asked) -> dict[str, Any]:
        self._roll_back(self.find(asked["StackName"]), "UPDATE", "Cancelled")
        return {}

    def continue_update_rollback(self, asked: Asked) -> dict[str, Any]:
        stack = self.find(asked["StackName"])
        if stack.status != "UPDATE_ROLLBACK_FAILED":
            raise Refusal(
                "ValidationError", f"Stack {stack.id} is in {stack.status} and cannot be rolled back"
            )
        self._roll_back(stack, "UPDATE", "")
        return {}

    def delete_stack(self, asked: Asked) -> dict[str, Any]:
        stack = next(
            (each for each in self.stacks.values() if asked["StackName"] in (each.name, each.id)), None
        )
        if stack is None:
            return {}
        if stack.protected:
            raise Refusal(
                "ValidationError",
                f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled",
            )
        kept = asked.get("RetainResources", [])
        if kept and stack.status != "DELETE_FAILED":
            raise Refusal("ValidationError", "RetainResources is only valid for stacks in DELETE_FAILED")
        for name in stack.exports:
            for user in self.stacks.values():
                if name in user.imports and user is not stack:
                    raise Refusal(
                        "ValidationError", f"Export {name} cannot be deleted as it is in use by {user.name}"
                    )
        course = self._course(stack.name)
        self._say(stack, stack.name, "DELETE_IN_PROGRESS", "User Initiated")
        self.standing.clock.after(course.seconds, lambda: self._delete(stack, course, kept))
        return {}

    def _delete(self, stack: Stack, course: Course, kept: list[str]) -> None:
        failed = []
        for name, resource in reversed(list(stack.resources.items())):
            if name in kept:
                stack.resources.pop(name)
                continue
            try:
                self.resources.take_away(resource)
                stack.resources.pop(name)
            except Undeletable as fault:
                failed.append(name)
                stack.resources[name] = replace(resource, status="DELETE_FAILED")
                self._say(stack, name, "DELETE_FAILED", str(fault))
        if course.fails:
            failed.append(next(iter(stack.resources or stack.template["Resources"])))
            self._say(stack, failed[-1], "DELETE_FAILED", course.fails)
        if failed:
            self._say(
                stack,
                stack.name,
                "DELETE_FAILED",
                f"The following resource(s) failed to delete: [{', '.join(failed)}].",
            )
        else:
            self._bury(stack)
