"""Ids follow from names, everywhere and for ever."""

from hypothesis import given
from hypothesis import strategies as st

from runtime.domain import identity
from tests.domain.samples import ACCOUNT, BOT, USER


def test_ids__are_the_same_on_every_machine() -> None:
    """Written down once: a changed rule would make a new order of every one that rests at a venue."""
    assert str(BOT) == "c1c20433-b237-5e90-b95d-215af8e1265c"
    assert identity.client_order_token(identity.order_id(BOT, "key")) == "hftrldmckqv3qvqg22eoa63jmh55btnl"


@given(st.text(max_size=200).filter(lambda text: text.isprintable()), st.text(max_size=200))
def test_order_id__differs_where_the_key_or_the_bot_differs(key: str, other: str) -> None:
    stranger = identity.bot_id(identity.account_id(USER, "second"), "bot")
    assert identity.order_id(BOT, key) == identity.order_id(BOT, key)
    assert identity.order_id(BOT, key) != identity.order_id(stranger, key)
    assert (identity.order_id(BOT, key) == identity.order_id(BOT, other)) == (key == other)


@given(st.text(max_size=200))
def test_client_order_token__is_32_lower_case_letters_and_digits_and_starts_with_ours(key: str) -> None:
    token = identity.client_order_token(identity.order_id(BOT, key))
    assert len(token) == 32
    assert token.isascii()
    assert token.isalnum()
    assert token == token.lower()
    assert token.startswith(identity.CLIENT_ORDER_ID_PREFIX)


def test_names__of_one_kind_do_not_meet_those_of_another() -> None:
    assert len({USER, ACCOUNT, identity.user_id("main"), identity.bot_id(ACCOUNT, "main")}) == 4
