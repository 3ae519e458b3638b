"""Set before aws_cdk is imported: the fast way to synthesise. What CDK would check besides, cfn-lint checks."""

import os

# The engine that CDK brings checks much the same as cfn-lint, which has its own test, and doubles the time.
os.environ["CDK_VALIDATION"] = "false"
