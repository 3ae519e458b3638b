"""`make checkov`: what checkov finds in the templates of prod is waived here with its reason, and nothing else may be.

It needs an environment of its own, so it is no test of the suite. Offline: checkov is told to download nothing.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

WAIVED: Mapping[tuple[str, str], str] = {
    (
        "CKV_AWS_158",
        "AWS::Logs::LogGroup.FlowLogGroup",
    ): "it stands before the key does; CloudWatch's own key encrypts it",
    (
        "CKV_AWS_18",
        "AWS::S3::Bucket.AccessLogs",
    ): "the bucket of the access logs: a log of its own would feed itself",
}


def findings(program: str, folder: Path) -> set[tuple[str, str]]:
    command = [program, "-d", str(folder), "--framework", "cloudformation", "--skip-download", "-o", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    # 1 says that there are findings; everything else that is not 0 says that it did not look.
    if done.returncode not in (0, 1):
        raise SystemExit(f"checkov left with {done.returncode}: {done.stderr.strip()}")
    report = json.loads(done.stdout)
    if not report["summary"]["passed"] or report["summary"]["parsing_errors"]:
        raise SystemExit(f"checkov did not read {folder}: {report['summary']}")
    print(f"{report['summary']['passed']} checks passed on {report['summary']['resource_count']} resources.")
    return {(each["check_id"], each["resource"]) for each in report["results"]["failed_checks"]}


def main(program: str, folder: str) -> int:
    found = findings(program, Path(folder))
    waived = {
        each for each in found for check, place in WAIVED if each[0] == check and each[1].startswith(place)
    }
    needless = [key for key in WAIVED if not any(id == key[0] and at.startswith(key[1]) for id, at in waived)]
    for check, resource in sorted(found):
        print(f"{'waived' if (check, resource) in waived else 'FOUND'}: {check} {resource}")
    for check, place in needless:
        print(f"WAIVED FOR NOTHING: {check} {place}")
    return int(bool(found - waived or needless))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
