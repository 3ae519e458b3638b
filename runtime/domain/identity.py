"""Who is who: the ids of tenants, accounts, bots and orders.

Ids follow from names, so that the same desk file gives the same rows on every machine and a decision taken again
after a crash gives the same order.
"""

import hashlib
from base64 import b32encode
from typing import NewType
from uuid import UUID, uuid5

UserId = NewType("UserId", UUID)
AccountId = NewType("AccountId", UUID)
BotId = NewType("BotId", UUID)
OrderId = NewType("OrderId", UUID)
ClientOrderId = NewType("ClientOrderId", str)
VenueOrderId = NewType("VenueOrderId", str)
VenueTradeId = NewType("VenueTradeId", str)

_HOUSE = UUID("6e1f7d3c-5a0b-4b53-9e0e-7b1f0a2c9d44")
# Ours are recognised by this even when the ledger that knew them was restored from an older backup.
CLIENT_ORDER_ID_PREFIX = "hf"


def user_id(name: str) -> UserId:
    return UserId(uuid5(_HOUSE, f"user:{name}"))


def account_id(user: UserId, name: str) -> AccountId:
    return AccountId(uuid5(user, f"account:{name}"))


def bot_id(account: AccountId, name: str) -> BotId:
    return BotId(uuid5(account, f"bot:{name}"))


def order_id(bot: BotId, key: str) -> OrderId:
    return OrderId(uuid5(bot, f"order:{key}"))


def client_order_token(order: OrderId) -> str:
    """32 lower-case letters and digits that fit most venues; a venue profile renders it for the others."""
    digest = hashlib.sha256(order.bytes).digest()
    return CLIENT_ORDER_ID_PREFIX + b32encode(digest).decode().lower()[:30]
