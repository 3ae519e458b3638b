"""What an operator sees and is woken by: the alarms of stacks/alarms.py as resources, and one dashboard.

Where the stage gathers alarms, a member is silent and its composite speaks, once; pages wait while a deploy rolls.
"""

import re
from collections.abc import Mapping, Sequence

from aws_cdk import CfnCondition, Duration, Fn, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from constructs import Construct

from stacks import dashboard
from stacks.alarms import FINE, GROUPS, Alarm, alarms_of
from stacks.bot import BotStack, desired_count
from stacks.data import Database
from stacks.metrics import DIMENSIONS
from stacks.network import NetworkStack
from stacks.platform import PlatformStack
from stacks.settings import API, Stage

COMPARISONS = {
    ">": cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
    ">=": cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
    "<": cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
    "<=": cloudwatch.ComparisonOperator.LESS_THAN_OR_EQUAL_TO_THRESHOLD,
}
MISSING = {
    "breaching": cloudwatch.TreatMissingData.BREACHING,
    "notBreaching": cloudwatch.TreatMissingData.NOT_BREACHING,
    "missing": cloudwatch.TreatMissingData.MISSING,
}
# A deploy may keep pages quiet this long; then they come whatever it says.
QUIET_WAIT, QUIET_EXTENSION = Duration.minutes(2), Duration.minutes(15)
SWITCH = "deploy-in-progress"
# Below what can be counted: such an alarm is there and never rings.
NEVER = -1
# What is there once for a stage and sends metrics of ours, by the word that is its Bot.
SENDERS = ("migrate", "backup", "drill", "retention", "deploy")
Places = Mapping[str, Mapping[str, str]]


class DeskAlarmsStack(Stack):
    """The alarms of one desk. A stack for each desk, or the second desk's would not fit into one template.

    It is told the desk's count as the Bot stack is. A desk that is stopped on purpose must not ring, neither alone nor
    through a composite, and one that died must: only whoever stops a desk can tell the two apart.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        desk: str,
        platform: PlatformStack,
        bot: BotStack,
        **stack: object,
    ) -> None:
        super().__init__(scope, construct_id, **stack)  # type: ignore[arg-type]
        # The API is no desk: its name is its kind, and other things of it ring.
        own: dict[str, Places] = (
            {API: {"": _ours(stage, API)}} if desk == API else {"desk": {desk: _ours(stage, desk)}}
        )
        self.places: dict[str, Places] = {
            **own,
            "service": {
                desk: {
                    "ClusterName": platform.cluster.cluster_name,
                    "ServiceName": bot.services[desk].attr_name,
                }
            },
        }
        self.alarms = _ring_all(self, stage=stage, places=self.places, platform=platform)
        count = desired_count(self, desk if desk == API else f"desk-{desk}")
        runs = CfnCondition(self, "Runs", expression=Fn.condition_equals(Fn.ref(count.logical_id), "1"))
        for alarm, made in self.alarms.values():
            if alarm.rests_when_paused:
                _let_rest(alarm, made, runs)


class ObservabilityStack(Stack):
    """What is there once for a stage: its other alarms, the composites over all of them, and the dashboard."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        network: NetworkStack,
        platform: PlatformStack,
        database: Database,
        desks: Sequence[DeskAlarmsStack],
        **stack: object,
    ) -> None:
        super().__init__(scope, construct_id, **stack)  # type: ignore[arg-type]
        self.stage = stage
        self.platform = platform
        places: dict[str, Places] = {
            "database": {"": dict(database.dimensions)},
            "nat": {str(n): {"NatGatewayId": each.ref} for n, each in enumerate(network.gateways, start=1)},
            **{sender: {"": _ours(stage, sender)} for sender in SENDERS},
        }
        self.alarms = _ring_all(self, stage=stage, places=places, platform=platform)
        for each in desks:
            self.alarms |= each.alarms
            for subject, found in each.places.items():
                places[subject] = {**places.get(subject, {}), **found}
        self.composites = self._gather() if stage.composite_alarms else {}
        dashboard.draw(
            self,
            stage=stage,
            alarms=self.alarms,
            composites=self.composites,
            places=places,
            platform=platform,
        )

    def _gather(self) -> dict[str, cloudwatch.CompositeAlarm]:
        switch = self.alarms[SWITCH][1]
        made = {}
        for group, means in GROUPS.items():
            members = [each for alarm, each in self.alarms.values() if alarm.group == group]
            quiet: dict[str, object] = (
                {
                    "actions_suppressor": switch,
                    "actions_suppressor_wait_period": QUIET_WAIT,
                    "actions_suppressor_extension_period": QUIET_EXTENSION,
                }
                if group == "page"
                else {}
            )
            made[group] = cloudwatch.CompositeAlarm(
                self,
                f"composite-{group}",
                composite_alarm_name=f"{self.stage.prefix}-{group}",
                alarm_description=f"{means} FIRST: look which member rings. RUNBOOK: docs/runbooks/{group}.md",
                alarm_rule=cloudwatch.AlarmRule.any_of(
                    *[cloudwatch.AlarmRule.from_alarm(each, cloudwatch.AlarmState.ALARM) for each in members]
                ),
                **quiet,  # type: ignore[arg-type]
            )
            _tell(made[group], group, self.platform)
        return made


def _ours(stage: Stage, sender: str) -> Mapping[str, str]:
    return dict(zip(DIMENSIONS, (stage.name, sender), strict=True))


def _ring_all(
    stack: Stack, *, stage: Stage, places: Mapping[str, Places], platform: PlatformStack
) -> dict[str, tuple[Alarm, cloudwatch.Alarm]]:
    """Every alarm of the stage whose subject is among the places: one resource for each place, by its whole name."""
    made: dict[str, tuple[Alarm, cloudwatch.Alarm]] = {}
    for alarm in alarms_of(stage):
        for place, dimensions in places.get(alarm.subject, {}).items():
            name = f"{alarm.name}-{place}" if place else alarm.name
            text = _spell_out(alarm, place, dimensions, platform)
            made[name] = (alarm, _ring(stack, alarm, f"{stage.prefix}-{name}", dimensions, text))
            gathered = stage.composite_alarms and alarm.group in GROUPS
            if not gathered and alarm.group != "switch":
                _tell(made[name][1], alarm.group, platform)
    return made


def _spell_out(alarm: Alarm, place: str, dimensions: Mapping[str, str], platform: PlatformStack) -> str:
    """The alarm's words with the names that the stacks were given, so that its command can be typed as it stands."""
    group = platform.logs.get(alarm.subject)
    names = {
        "CLUSTER": platform.cluster.cluster_name,
        "SERVICE": dimensions.get("ServiceName", ""),
        "NAME": place,
        "LOGS": group.log_group_name if group else "",
    }
    return re.sub(r"\b(CLUSTER|SERVICE|NAME|LOGS)\b", lambda found: names[found[1]], alarm.describe())


def _let_rest(alarm: Alarm, made: cloudwatch.Alarm, runs: CfnCondition) -> None:
    """While the desk's count is 0 there is nothing to miss."""
    resource = made.node.default_child
    assert isinstance(resource, cloudwatch.CfnAlarm)
    threshold = int(alarm.threshold)
    resource.add_property_override("Threshold", {"Fn::If": [runs.logical_id, threshold, NEVER]})
    if alarm.missing != FINE:
        resource.add_property_override("TreatMissingData", {"Fn::If": [runs.logical_id, alarm.missing, FINE]})


def _ring(
    stack: Stack, alarm: Alarm, name: str, dimensions: Mapping[str, str], text: str
) -> cloudwatch.Alarm:
    return cloudwatch.Alarm(
        stack,
        name,
        alarm_name=name,
        alarm_description=text,
        metric=cloudwatch.Metric(
            namespace=alarm.namespace,
            metric_name=alarm.metric,
            dimensions_map=dict(dimensions),
            statistic=alarm.statistic,
            period=Duration.seconds(alarm.period_seconds),
        ),
        comparison_operator=COMPARISONS[alarm.comparison],
        threshold=float(alarm.threshold),
        evaluation_periods=alarm.periods,
        treat_missing_data=MISSING[alarm.missing],
    )


def _tell(alarm: cloudwatch.AlarmBase, group: str, platform: PlatformStack) -> None:
    action = actions.SnsAction(platform.page if group == "page" else platform.ticket)
    alarm.add_alarm_action(action)
    alarm.add_ok_action(action)
