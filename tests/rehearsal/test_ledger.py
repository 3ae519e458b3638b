"""What counts as lost and as twice, on made-up books: the figure of the story must be able to be bad."""

from deploy.rehearsal.ledger import Entry, compare


def venue(*names: str) -> list[dict[str, str]]:
    return [{"client_oid": name, "order_id": f"v-{name}"} for name in names]


def filled(*names: str) -> list[dict[str, str]]:
    return [{"order_id": f"v-{name}"} for name in names]


def entry(name: str, status: str = "filled", fills: int = 1) -> Entry:
    return Entry(name, status, f"v-{name}" if status in ("open", "filled") else "", fills)


def test_compare__both_agree_and_nothing_is_wrong() -> None:
    verdict = compare([entry("a"), entry("b", "open", 0)], venue("a", "b"), filled("a"))
    assert (verdict.lost, verdict.duplicated, verdict.unknown, verdict.orders) == (0, 0, 0, 2)
    assert verdict.is_clean


def test_compare__an_order_that_the_ledger_does_not_know_is_lost() -> None:
    assert compare([], venue("a"), []).lost == 1


def test_compare__an_order_that_the_venue_does_not_have_is_lost() -> None:
    assert compare([entry("a", "open", 0)], [], []).lost == 1


def test_compare__an_order_that_was_never_sent_may_be_missing() -> None:
    assert compare([entry("a", "failed", 0), entry("b", "pending", 0)], [], []).is_clean


def test_compare__the_same_intent_twice_at_the_venue_is_a_duplicate() -> None:
    assert compare([entry("a")], venue("a", "a"), filled("a")).duplicated == 1


def test_compare__a_fill_that_the_ledger_lacks_is_lost() -> None:
    assert compare([entry("a", "filled", 1)], venue("a"), filled("a", "a")).lost == 1


def test_compare__an_order_in_doubt_is_counted_as_unknown() -> None:
    assert compare([entry("a", "unknown", 0)], venue("a"), []).unknown == 1
