"""Change sets: computed, refused, executed; and how an execution ends, fails and rolls back."""

import json
from collections.abc import Mapping
from typing import Any

from tests.deploy.simulated.account import Refusal, Standing
from tests.deploy.simulated.building import Building
from tests.deploy.simulated.resources import Resources
from tests.deploy.simulated.rollouts import ENDED
from tests.deploy.simulated.stack_parts import ChangeSet, Course, Stack, changes_between

Asked = Mapping[str, Any]
NO_CHANGES = (
    "The submitted information didn't contain changes. Submit different information to create a change set."
)
CHANGEABLE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE")


class ChangeSets:
    def __init__(self, standing: Standing, resources: Resources) -> None:
        self.standing, self.resources = standing, resources
        self.stacks: dict[str, Stack] = {}
        self.building = Building(standing, resources, self.stacks)
        self.deleted: list[Stack] = []
        self.change_sets: dict[str, ChangeSet] = {}
        # What becomes of the next execution or deletion of a stack, by its name; when empty, all goes well.
        self.courses: dict[str, list[Course]] = {}
        self.executed: list[str] = []

    def _course(self, name: str) -> Course:
        waiting = self.courses.get(name, [])
        return waiting.pop(0) if waiting else Course()

    def find(self, name: str) -> Stack:
        found = self.stacks.get(name) or next(
            (each for each in (*self.deleted, *self.stacks.values()) if each.id == name), None
        )
        if found is None:
            raise Refusal("ValidationError", f"Stack with id {name} does not exist")
        return found

    # --- change sets ------------------------------------------------------------------------------------------------

    def create_change_set(self, asked: Asked) -> dict[str, Any]:
        name, kind = asked["StackName"], asked.get("ChangeSetType", "UPDATE")
        stack = self.stacks.get(name)
        exists = stack is not None and stack.status != "REVIEW_IN_PROGRESS"
        if kind == "CREATE" and exists:
            raise Refusal("ValidationError", f"Stack [{name}] already exists and cannot be created again")
        if kind == "UPDATE" and not exists:
            raise Refusal("ValidationError", f"Stack [{name}] does not exist")
        if kind == "UPDATE" and stack and stack.status not in CHANGEABLE:
            raise Refusal(
                "ValidationError", f"Stack:{stack.id} is in {stack.status} state and can not be updated."
            )
        if asked.get("OnStackFailure") == "DELETE" and kind != "CREATE":
            raise Refusal("ValidationError", "OnStackFailure DELETE is only valid for CREATE change sets")
        if stack is None:
            stack = self._review(name)
        template = json.loads(asked["TemplateBody"])
        made = ChangeSet(
            asked["ChangeSetName"],
            self.standing.arn(
                "cloudformation", f"changeSet/{asked['ChangeSetName']}/{self.standing.number()}"
            ),
            name,
            kind,
            template,
            self._parameters(stack, template, asked),
            {each["Key"]: each["Value"] for each in asked.get("Tags", ())},
            on_failure=asked.get("OnStackFailure", ""),
            adopts=asked.get("ImportExistingResources", False),
        )
        self.change_sets[made.id] = made
        self._compute(stack, made)
        return {"Id": made.id, "StackId": stack.id}

    def _review(self, name: str) -> Stack:
        number = self.standing.number()
        made = Stack(
            name,
            self.standing.arn("cloudformation", f"stack/{name}/{number:08x}-0000-4000-8000-000000000000"),
            self.standing.clock.now(),
            "REVIEW_IN_PROGRESS",
        )
        self.stacks[name] = made
        return made

    @staticmethod
    def _parameters(stack: Stack, template: Mapping[str, Any], asked: Asked) -> dict[str, str]:
        known = template.get("Parameters", {})
        found = {name: str(body["Default"]) for name, body in known.items() if "Default" in body}
        for each in asked.get("Parameters", ()):
            name = each["ParameterKey"]
            if name not in known:
                raise Refusal("ValidationError", f"Parameters: [{name}] do not exist in the template")
            if each.get("UsePreviousValue"):
                found[name] = stack.parameters[name]
            else:
                found[name] = each["ParameterValue"]
        missing = sorted(set(known) - set(found))
        if missing:
            raise Refusal("ValidationError", f"Parameters: {missing} must have values")
        return found

    def _compute(self, stack: Stack, made: ChangeSet) -> None:
        waiting = self.courses.get(made.stack, [])
        if waiting and waiting[0].refused:
            course = waiting.pop(0)
            made.status, made.reason = "FAILED", course.refused
            if course.hidden:
                made.reason, made.hidden = "Validation failed.", course.refused
            return
        wanted = self.building.wanted(stack, made.template, made.parameters)
        made.changes = list(changes_between(stack.resources, wanted))
        same = (made.template.get("Outputs"), made.parameters) == (
            stack.template.get("Outputs"),
            stack.parameters,
        )
        if not made.changes and same and made.kind == "UPDATE":
            made.status, made.reason = "FAILED", NO_CHANGES

    def _change_set(self, asked: Asked) -> ChangeSet:
        found = [
            each
            for each in self.change_sets.values()
            if asked["ChangeSetName"] in (each.id, each.name) and asked.get("StackName") in (None, each.stack)
        ]
        if not found:
            raise Refusal("ChangeSetNotFound", f"ChangeSet [{asked['ChangeSetName']}] does not exist", 404)
        return found[-1]

    def describe_change_set(self, asked: Asked) -> dict[str, Any]:
        found = self._change_set(asked)
        stack = self.find(found.stack)
        executable = found.status == "CREATE_COMPLETE" and not found.executed
        return {
            "ChangeSetName": found.name,
            "ChangeSetId": found.id,
            "StackId": stack.id,
            "StackName": found.stack,
            "Status": found.status,
            "ExecutionStatus": "AVAILABLE" if executable else "UNAVAILABLE",
            "Changes": found.changes,
        } | ({"StatusReason": found.reason} if found.reason else {})

    def list_change_sets(self, asked: Asked) -> dict[str, Any]:
        return {
            "Summaries": [
                {"ChangeSetName": each.name, "ChangeSetId": each.id, "Status": each.status}
                for each in self.change_sets.values()
                if each.stack == asked["StackName"]
            ]
        }

    def delete_change_set(self, asked: Asked) -> dict[str, Any]:
        self.change_sets.pop(self._change_set(asked).id)
        return {}

    def execute_change_set(self, asked: Asked) -> dict[str, Any]:
        found = self._change_set(asked)
        if found.status != "CREATE_COMPLETE" or found.executed:
            raise Refusal(
                "InvalidChangeSetStatus", f"ChangeSet [{found.id}] cannot be executed in its current status"
            )
        stack, course = self.find(found.stack), self._course(found.stack)
        if clash := self.building.clash(stack, found):
            course = Course(fails=clash)
        found.executed = True
        stack.remember()
        self.executed.append(found.stack)
        verb = found.kind
        self._say(stack, stack.name, f"{verb}_IN_PROGRESS", "User Initiated")
        if course.fails or course.stops_at:
            self.standing.clock.after(course.seconds, lambda: self._fail(stack, found, course))
        else:
            waits = self.building.apply(stack, found)
            self.standing.clock.after(course.seconds, lambda: self._settle_when(waits, stack, verb))
        return {}

    # --- carrying out -----------------------------------------------------------------------------------------------

    def _settle_when(self, waits: list[Any], stack: Stack, verb: str) -> None:
        """A stack waits for its services, unless their script says that it does not."""
        pending = [each for each in waits if not each.script.stack_is_content]
        open_ones = [each for each in pending if each.status not in ENDED]
        if open_ones:
            open_ones[0].waiting.append(lambda: self._settle_when(waits, stack, verb))
        elif any(each.status != "SUCCESSFUL" for each in pending):
            why = next(each.reason for each in pending if each.status != "SUCCESSFUL")
            self._roll_back(stack, verb, f"Resource handler returned message: {why}")
        else:
            self._say(stack, stack.name, f"{verb}_COMPLETE")

    def _fail(self, stack: Stack, made: ChangeSet, course: Course) -> None:
        logical = next(iter(made.template["Resources"]))
        if course.hidden:
            stack.hidden_events.append(course.fails)
        else:
            self._say(stack, logical, f"{made.kind}_FAILED", course.fails)
        if course.stops_at:
            self._say(stack, stack.name, course.stops_at, course.fails)
        elif made.on_failure == "DELETE" and made.kind == "CREATE":
            self._say(stack, stack.name, "DELETE_IN_PROGRESS", course.fails if not course.hidden else "")
            self.standing.clock.after(20, lambda: self._bury(stack))
        else:
            self._roll_back(stack, made.kind, course.fails if not course.hidden else "")

    def _roll_back(self, stack: Stack, verb: str, reason: str) -> None:
        """An update that is rolled back shows its old parameters and template again, and its services are as before."""
        first = "ROLLBACK" if verb == "CREATE" else "UPDATE_ROLLBACK"
        self._say(stack, stack.name, f"{first}_IN_PROGRESS", reason)

        def end() -> None:
            if verb != "CREATE":
                stack.restore()
                self.building.put_back(stack)
            self._say(stack, stack.name, f"{first}_COMPLETE")

        self.standing.clock.after(20, end)

    def _say(self, stack: Stack, logical: str, status: str, reason: str = "") -> None:
        stack.say(self.standing.clock.now(), logical, status, reason)

    def _bury(self, stack: Stack) -> None:
        for resource in list(stack.resources.values()):
            self.resources.take_away(resource)
        self._say(stack, stack.name, "DELETE_COMPLETE")
        self.deleted.append(self.stacks.pop(stack.name))
