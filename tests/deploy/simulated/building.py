"""Makes of a template what it says, in the simulated services, and tells the outputs."""

from collections.abc import Mapping
from typing import Any

from tests.deploy.simulated.account import Refusal, Standing
from tests.deploy.simulated.resources import Resource, Resources
from tests.deploy.simulated.stack_parts import ChangeSet, Stack
from tests.deploy.simulated.templates import NOTHING, Scope, condition, resolve


class Building:
    def __init__(self, standing: Standing, resources: Resources, stacks: dict[str, Stack]) -> None:
        self.standing, self.resources, self.stacks = standing, resources, stacks

    def wanted(
        self, stack: Stack, template: Mapping[str, Any], parameters: Mapping[str, str]
    ) -> dict[str, Resource]:
        """Every resource with its references filled in, as far as what they lead to stands already."""
        found: dict[str, Resource] = {}
        bodies = template["Resources"]
        scope = self._scope(stack, template, parameters, found)
        for name in bodies:
            self._build(stack, name, bodies, scope, found)
        return found

    def _scope(
        self,
        stack: Stack,
        template: Mapping[str, Any],
        parameters: Mapping[str, str],
        found: dict[str, Resource],
    ) -> Scope:
        bodies = template["Resources"]

        def reach(name: str) -> Resource:
            return self._build(stack, name, bodies, scope, found)

        def imported(name: str) -> str:
            stack.imports.add(name)
            for each in self.stacks.values():
                if name in each.exports:
                    return each.exports[name]
            raise Refusal("ValidationError", f"No export named {name} found.")

        pseudo = {
            "AWS::Region": self.standing.region,
            "AWS::AccountId": self.standing.account_id,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::StackName": stack.name,
            "AWS::StackId": stack.id,
        }
        scope = Scope(
            pseudo,
            parameters,
            lambda name: self.resources.ref(reach(name)),
            lambda name, attribute: self.resources.attribute(reach(name), attribute),
            imported,
            template.get("Conditions", {}),
        )
        return scope

    def _build(
        self, stack: Stack, name: str, bodies: Mapping[str, Any], scope: Scope, found: dict[str, Resource]
    ) -> Resource:
        if name in found:
            return found[name]
        body = bodies[name]
        properties = resolve(body.get("Properties", {}), scope)
        before = stack.resources.get(name)
        made = self.resources.shape(stack.name, name, body, properties, before)
        if "Condition" not in body or condition(scope.conditions[body["Condition"]], scope):
            found[name] = made
        return made

    def clash(self, stack: Stack, made: ChangeSet) -> str:
        """Why something new cannot be made, or nothing. A change set may be allowed to adopt what is there."""
        if made.adopts:
            return ""
        wanted = self.wanted(stack, made.template, made.parameters)
        found = [self.resources.clash(each) for name, each in wanted.items() if name not in stack.resources]
        return next((each for each in found if each), "")

    def apply(self, stack: Stack, made: ChangeSet) -> list[Any]:
        """Makes what is new, changes what differs, takes away what is no longer wanted. Gives back what to wait for."""
        stack.imports.clear()
        wanted, waits = self.wanted(stack, made.template, made.parameters), []
        for name, resource in wanted.items():
            before = stack.resources.get(name)
            if before is None or before.properties != resource.properties:
                stack.say(
                    self.standing.clock.now(),
                    name,
                    "CREATE_IN_PROGRESS" if before is None else "UPDATE_IN_PROGRESS",
                )
                pending = self.resources.put(resource, before, {**stack.tags, **made.tags})
                waits += [pending] if pending else []
        for name in set(stack.resources) - set(wanted):
            self.resources.take_away(stack.resources[name])
        stack.resources, stack.template, stack.parameters = wanted, made.template, made.parameters
        stack.tags = made.tags
        self._tell_outputs(stack)
        return waits

    def put_back(self, stack: Stack) -> None:
        """A service that ECS has not taken back itself is taken back by the stack."""
        for resource in stack.resources.values():
            self.resources.put_back(resource)

    def _tell_outputs(self, stack: Stack) -> None:
        scope = self._scope(stack, stack.template, stack.parameters, dict(stack.resources))
        stack.outputs, stack.exports = {}, {}
        for name, body in stack.template.get("Outputs", {}).items():
            value = resolve(body["Value"], scope)
            if value is NOTHING:
                continue
            stack.outputs[name] = str(value)
            if "Export" in body:
                stack.exports[resolve(body["Export"]["Name"], scope)] = str(value)
