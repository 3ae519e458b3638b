"""What others look for: cdk-nag's AwsSolutions rules, cfn-lint, and the flags that CDK recommends."""

import json
import subprocess
import sys
import tarfile
from pathlib import Path

import aws_cdk
import cdk_nag
import pytest

import app as entry
from tests.stacks.acknowledged import ACKNOWLEDGED, BY_SWITCH, FINDINGS_MAX
from tests.stacks.rig import ROOT, VARIANTS, paths


def findings(folder: Path, variant: str) -> set[str]:
    app = entry.open_app(outdir=str(folder), context=dict(VARIANTS[variant]))
    entry.build(app)
    aws_cdk.Validations.of(app).add_plugins(cdk_nag.AwsSolutionsChecks(app))
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
    report = json.loads((folder / "validation-report.json").read_text("utf-8"))
    return {each["ruleName"] for plugin in report["pluginReports"] for each in plugin["violations"]}


@pytest.mark.parametrize("variant", VARIANTS)
def test_nag__finds_what_is_acknowledged_and_nothing_else(tmp_path: Path, variant: str) -> None:
    found = findings(tmp_path, variant)
    known = {**ACKNOWLEDGED[VARIANTS[variant]["stage"]], **BY_SWITCH.get(variant, {})}
    assert {each for each in found if not each.startswith(tuple(known))} == set()
    assert len(found) <= FINDINGS_MAX
    if variant in (*ACKNOWLEDGED, *BY_SWITCH):
        assert {each for each in known if not any(one.startswith(each) for one in found)} == set()


def test_nag__what_is_left_has_its_reason() -> None:
    reasons = [each for known in (*ACKNOWLEDGED.values(), *BY_SWITCH.values()) for each in known.values()]
    assert all(len(reason) > 20 for reason in reasons)


# A third of a minute of processor, which others may be using.
@pytest.mark.timeout(400)
def test_lint__is_clean_for_every_variant() -> None:
    # Most variants change a template or two, and the same text is as clean the second time.
    different = {path.read_text("utf-8"): path for variant in VARIANTS for path in paths(variant).values()}
    files = [str(path) for path in different.values()]
    assert len(files) > len(paths("dev"))
    command = [str(Path(sys.executable).parent / "cfn-lint"), "--format", "parseable", "--", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=360)
    assert done.stdout + done.stderr == ""
    assert done.returncode == 0


# What we set otherwise than CDK recommends, and why.
OTHERWISE = {
    "@aws-cdk/core:defaultCrossStackReferences": "strong: what another stack stands on cannot be deleted under it",
    "@aws-cdk/core:target-partitions": "one partition; the others have other prices and other services",
    "@aws-cdk/core:enableAdditionalMetadataCollection": "nothing is told to anybody by a template",
}


def test_flags__are_those_that_cdk_recommends() -> None:
    context = json.loads((ROOT / "cdk.json").read_text("utf-8"))["context"]
    (library,) = Path(aws_cdk.__file__).parent.glob("_jsii/aws-cdk-lib@*.jsii.tgz")
    with tarfile.open(library) as archive:
        member = archive.extractfile("package/recommended-feature-flags.json")
        assert member is not None
        recommended = json.load(member)
    differing = {name for name, value in recommended.items() if context.get(name) != value}
    assert differing == set(OTHERWISE)
