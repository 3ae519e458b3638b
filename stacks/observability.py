"""What an operator sees and is woken by: the alarms of stacks/alarms.py as resources, and one dashboard.

Where the stage gathers alarms, a member is silent and its composite speaks, once; pages wait while a deploy rolls.
"""

from collections.abc import Mapping

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks import dashboard
from stacks.alarms import GROUPS, Alarm, alarms_of
from stacks.bot import BotStack
from stacks.data import Database
from stacks.metrics import DIMENSIONS
from stacks.network import NetworkStack
from stacks.platform import PlatformStack
from stacks.settings import Stage

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


class ObservabilityStack(Stack):
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        network: NetworkStack,
        platform: PlatformStack,
        bot: BotStack,
        database: Database,
        **stack: object,
    ) -> None:
        super().__init__(scope, construct_id, **stack)  # type: ignore[arg-type]
        self.stage = stage
        self.platform = platform
        self._topics: Mapping[str, sns.ITopic] = {"page": platform.page}
        self._places = _places(stage, network=network, platform=platform, bot=bot, database=database)
        self.alarms: dict[str, tuple[Alarm, cloudwatch.Alarm]] = {}
        for alarm in alarms_of(stage):
            self._ring(alarm)
        self.composites = self._gather() if stage.composite_alarms else {}
        dashboard.draw(
            self,
            stage=stage,
            alarms=self.alarms,
            composites=self.composites,
            places=self._places,
            platform=platform,
        )

    def _ring(self, alarm: Alarm) -> None:
        """One resource for each place: an alarm on desks is there for each desk."""
        for place, dimensions in self._places.get(alarm.subject, {}).items():
            suffix = f"-{place}" if place else ""
            made = cloudwatch.Alarm(
                self,
                f"{alarm.name}{suffix}",
                alarm_name=f"{self.stage.prefix}-{alarm.name}{suffix}",
                alarm_description=alarm.describe(),
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
            self.alarms[f"{alarm.name}{suffix}"] = (alarm, made)
            gathered = self.stage.composite_alarms and alarm.group in GROUPS
            if not gathered and alarm.group != "switch":
                self._tell(made, alarm.group)

    def _tell(self, alarm: cloudwatch.AlarmBase, group: str) -> None:
        action = actions.SnsAction(self._topics.get(group, self.platform.ticket))
        alarm.add_alarm_action(action)
        alarm.add_ok_action(action)

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
            self._tell(made[group], group)
        return made


def _places(
    stage: Stage, *, network: NetworkStack, platform: PlatformStack, bot: BotStack, database: Database
) -> dict[str, dict[str, Mapping[str, str]]]:
    """Subject -> the places it exists in, by a short name, and how CloudWatch names each."""

    def ours(sender: str) -> Mapping[str, str]:
        return dict(zip(DIMENSIONS, (stage.name, sender), strict=True))

    places: dict[str, dict[str, Mapping[str, str]]] = {
        "desk": {desk.name: ours(desk.name) for desk in stage.desks},
        "service": {
            name: {"ClusterName": platform.cluster.cluster_name, "ServiceName": service.attr_name}
            for name, service in bot.services.items()
        },
        "database": {"": dict(database.dimensions)},
        "nat": {str(n): {"NatGatewayId": each.ref} for n, each in enumerate(network.gateways, start=1)},
    }
    return places | {sender: {"": ours(sender)} for sender in ("migrate", "backup", "drill", "deploy")}
