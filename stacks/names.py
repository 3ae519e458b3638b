"""How what outlives its stack is named: with a piece of the stack's own id, which no later stack of that name shares.

A name of our own is needed where somebody must know it beforehand, or type it. A fixed one would stand in the way of
the next deploy after a destroy, which keeps logs and databases.
"""

from aws_cdk import Aws, Fn


def kept_name(prefix: str) -> str:
    """`prefix` with eight characters behind it: the first of the id in arn:...:stack/NAME/ID."""
    whole = Fn.select(2, Fn.split("/", Aws.STACK_ID))
    return Fn.join("-", [prefix, Fn.select(0, Fn.split("-", whole))])
