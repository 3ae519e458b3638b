"""The estimate: it counts every type there is, says what it assumes, and is a gate."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from deploy import cost
from stacks.metrics import METRICS
from stacks.settings import DATABASE_CLASSES, read_stage
from tests.stacks.rig import VARIANTS, paths, templates

PRICES = cost.read_prices()
TABLE = json.loads(cost.PRICES.read_text("utf-8"))


def found(variant: str) -> cost.Estimate:
    return cost.estimate(templates(variant), PRICES)


@pytest.mark.parametrize("variant", VARIANTS)
def test_estimate__knows_every_type_that_the_stacks_use(variant: str) -> None:
    assert found(variant).unknown == ()
    assert found(variant).total > 20


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_estimate__is_under_the_limit_of_its_stage(stage: str) -> None:
    assert found(stage).total < read_stage(stage).cost_usd_max


def test_estimate__of_dev_is_under_thirty_dollars() -> None:
    assert found("dev").total < 30


def test_estimate__adds_up_what_the_price_list_says() -> None:
    fixed = {each.line.what: each.usd for each in found("dev").fixed}
    assert fixed["database: instance"] == Decimal("11.68")
    assert fixed["database: storage"] == Decimal("2.30")
    assert {each.line.what: each.usd for each in found("prod").fixed}["database: instance"] == Decimal(
        "94.90"
    )


def test_estimate__counts_what_is_rarely_sent_as_rarely_sent() -> None:
    assert {each.name for each in METRICS.values() if each.is_rare} == cost.RARE_METRICS
    lines = {each.line.what: each.line for each in (*found("prod").fixed, *found("prod").usage)}
    always = [each for each in METRICS.values() if not each.is_rare]
    assert lines["metrics of our own"].amount == len(always) * len(read_stage("prod").desks)
    assert lines["metrics that are rarely sent"].assumed == "rare_share"


def test_estimate__counts_a_second_desk() -> None:
    assert found("two-desks").total - found("prod").total > 14


def test_estimate__takes_off_what_is_free_only_once() -> None:
    alarms = {"R" + str(n): {"Type": "AWS::CloudWatch::Alarm", "Properties": {}} for n in range(15)}
    lines = cost.estimate({"A": {"Resources": alarms}}, PRICES).fixed
    assert sum(each.usd for each in lines) == Decimal("0.50")


def test_estimate__an_unknown_type_is_listed_and_not_counted_as_nothing() -> None:
    strange = cost.estimate({"A": {"Resources": {"X": {"Type": "AWS::Foo::Bar"}}}}, PRICES)
    assert strange.unknown == ("AWS::Foo::Bar",)
    assert "NOT COUNTED" in "\n".join(cost.render(strange, PRICES, today=date(2026, 7, 1)))


def test_report__says_the_difference_the_assumptions_and_old_prices() -> None:
    text = "\n".join(cost.render(found("prod"), PRICES, today=date(2027, 7, 1), before=found("dev")))
    assert f"the difference is {found('prod').total - found('dev').total:+} USD" in text
    assert PRICES.says["nat_gb"] in text
    assert "older than 180 days" in text


def test_delta__names_each_line_that_changed_and_adds_up() -> None:
    changes = cost.delta(found("dev"), found("prod"))
    assert sum(each.usd for each in changes) == found("prod").total - found("dev").total
    assert [abs(each.usd) for each in changes] == sorted((abs(each.usd) for each in changes), reverse=True)
    lines = {each.what: each for each in changes}
    assert lines["database: instance"].before == Decimal("11.68")
    assert {lines["desk: public address"].after, lines["NAT: gateway"].before} == {Decimal(0)}
    assert "key" not in lines, "the same in both"
    assert cost.delta(found("dev"), found("dev")) == ()


def test_command__compares_with_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    dev, prod = (str(paths(stage)["Data"].parent) for stage in ("dev", "prod"))
    assert cost.main(["--stage", "prod", "--templates", prod, "--against", dev]) == 0
    difference = found("prod").total - found("dev").total
    assert f"the difference is {difference:+} USD" in capsys.readouterr().out


def test_command__compares_with_a_state_of_the_repository(capsys: pytest.CaptureFixture[str]) -> None:
    """That state is synthesised by its own sources; its total is its own, whatever we have changed since."""
    dev = str(paths("dev")["Data"].parent)
    assert cost.main(["--stage", "dev", "--templates", dev, "--against", "HEAD"]) == 0
    assert "USD; the difference is " in capsys.readouterr().out


@pytest.mark.parametrize("against", ["no-such-ref", "--output=here", "HEAD:docs"])
def test_command__says_what_it_cannot_compare_with(capsys: pytest.CaptureFixture[str], against: str) -> None:
    dev = str(paths("dev")["Data"].parent)
    assert cost.main(["--stage", "dev", "--templates", dev, f"--against={against}"]) == 64
    assert "is no folder and no state of this repository" in capsys.readouterr().err


def test_prices__have_a_source_and_a_unit_and_are_used() -> None:
    assert all(
        row["source"] and row["unit"] and row["checked"] in ("page", "memory")
        for row in TABLE["prices"].values()
    )
    source = "".join(path.read_text("utf-8") for path in Path(cost.__file__).parent.glob("*.py"))
    named = {name for name in TABLE["prices"] if name not in {*DATABASE_CLASSES, "t4g.nano"}}
    assert {name for name in named if f'"{name}"' not in source} == set()
    assert set(DATABASE_CLASSES) <= set(TABLE["prices"])


@pytest.mark.parametrize(("limit", "code"), [("30", 0), ("1", 1)])
def test_command__is_a_gate(capsys: pytest.CaptureFixture[str], limit: str, code: int) -> None:
    folder = str(paths("dev")["Data"].parent)
    assert cost.main(["--stage", "dev", "--templates", folder, "--limit", limit]) == code
    printed = capsys.readouterr()
    assert "Total: " in printed.out
    assert ("over the limit" in printed.err) == bool(code)


def test_command__says_what_to_do_without_templates(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cost.main(["--templates", str(tmp_path)]) == 1
    assert "make synth STAGE=dev" in capsys.readouterr().err
