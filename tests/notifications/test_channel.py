"""A server that is slow, broken or rude costs the desk nothing: what it does not take is tried again, or counted."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from runtime.local import processes
from runtime.notifications.channel import Channel, Patience
from runtime.notifications.notices import Kind, Notice
from runtime.notifications.senders import Telegram, Webhook
from runtime.settings import Secret
from runtime.telemetry import table
from runtime.telemetry.meters import Meters
from tests.notifications.people import (
    CHAT,
    CLOSES,
    DRIPS,
    SECONDS_MAX,
    SILENT,
    TOKEN,
    Manner,
    People,
    answers,
)

WITHIN_SECONDS = 0.3
EAGER = Patience(tries_max=3, first_pause_seconds=0.01)
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def _name(manner: Manner) -> str:
    return "drips" if manner.drips else "silent" if manner.silent else str(manner.status or "closes")


def notice(text: str = "one") -> Notice:
    return Notice(Kind.QUARANTINED, AT, text, {"venue_id": "17"})


class Told:
    """A channel to the people's webhook, and what its meters say."""

    def __init__(self, people: People, patience: Patience = EAGER, *, to_chat: bool = False) -> None:
        webhook = Webhook(Secret(f"{people.url}/hook?k=1"), {"desk": "d"}, WITHIN_SECONDS)
        chat = Telegram(people.url, Secret(TOKEN), CHAT, WITHIN_SECONDS)
        self.meters = Meters()
        self.channel = Channel("c", chat.deliver if to_chat else webhook.deliver, self.meters, patience)

    @property
    def dropped(self) -> object:
        return self.meters.values()[table.NOTIFICATIONS_DROPPED][()]

    def await_dropped(self, count: int) -> None:
        assert processes.wait_until(lambda: self.dropped == count, seconds_max=SECONDS_MAX), self.dropped


@pytest.fixture
def tell(people: People) -> Iterator[Callable[..., Told]]:
    begun: list[Told] = []

    def begin(*texts: str, **options: object) -> Told:
        told = Told(people, **options)  # type: ignore[arg-type]
        begun.append(told)
        told.channel.start()
        for text in texts:
            told.channel.offer(notice(text))
        return told

    yield begin
    for told in begun:
        told.channel.stop(SECONDS_MAX)


Tell = Callable[..., Told]


def test_webhook__is_sent_the_sentence_and_the_facts(people: People, tell: Tell) -> None:
    tell("foreign order")
    (request,) = people.await_count(1)
    identity = request.body.pop("id")
    assert request.path == "/hook?k=1"
    assert request.headers["Idempotency-Key"] == identity
    assert request.body == {
        "kind": "quarantined",
        "at": "2026-01-02T03:04:05+00:00",
        "desk": "d",
        "text": "foreign order",
        "facts": {"venue_id": "17"},
    }


def test_telegram__is_sent_the_text_to_the_chat(people: People, tell: Tell) -> None:
    tell("x" * 5000, to_chat=True)
    (request,) = people.await_count(1)
    assert request.path == f"/bot{TOKEN}/sendMessage"
    assert request.body == {"chat_id": CHAT, "text": "x" * 4096}


@pytest.mark.parametrize(
    "manner", [answers(500), answers(503), answers(408), CLOSES, SILENT, DRIPS], ids=_name
)
def test_message__that_was_not_taken_is_sent_again_as_the_same(
    people: People, tell: Tell, manner: Manner
) -> None:
    people.manners.append(manner)
    told = tell("one", "two")
    sent = people.await_count(3)
    assert [each.body["text"] for each in sent] == ["one", "one", "two"]
    assert sent[0].body["id"] == sent[1].body["id"] != sent[2].body["id"]
    assert told.dropped == 0


def _asks_for_a_second() -> list[Manner]:
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=2.5), usegmt=True)
    return [
        answers(429, Retry_After="1"),
        answers(503, Retry_After=at),
        answers(429, {"ok": False, "parameters": {"retry_after": 1}}),
    ]


@pytest.mark.parametrize("number", range(3), ids=["seconds", "date", "telegram"])
def test_message__is_not_sent_again_sooner_than_asked(people: People, tell: Tell, number: int) -> None:
    people.manners.append(_asks_for_a_second()[number])
    tell("one", to_chat=True)
    first, second = people.await_count(2)
    assert second.at_monotonic - first.at_monotonic >= 1


@pytest.mark.parametrize("manner", [CLOSES, SILENT, DRIPS, answers(500), answers(429)], ids=_name)
def test_message__that_is_never_taken_is_dropped_and_counted(
    people: People, tell: Tell, manner: Manner
) -> None:
    people.manners += [manner] * EAGER.tries_max
    told = tell("lost", "next")
    assert people.await_count(EAGER.tries_max + 1)[-1].body["text"] == "next"
    told.await_dropped(1)


@pytest.mark.parametrize(
    "manner",
    [answers(400), answers(404), answers(302, Location="/elsewhere"), answers(429, Retry_After="3600")],
    ids=["refused", "unknown", "redirected", "asks for an hour"],
)
def test_message__that_would_be_refused_again_is_dropped_at_once(
    people: People, tell: Tell, manner: Manner
) -> None:
    people.manners.append(manner)
    told = tell("lost", "next")
    told.await_dropped(1)
    assert [each.body["text"] for each in people.await_count(2)] == ["lost", "next"]
    assert {each.path for each in people.requests} == {"/hook?k=1"}


def test_offer__returns_while_nobody_answers_and_counts_what_finds_no_room(
    people: People, tell: Tell
) -> None:
    people.usual = SILENT
    told = tell("first", patience=Patience(waiting_max=5, tries_max=1000))
    people.await_count(1)
    for number in range(20):
        told.channel.offer(notice(str(number)))
    dropped = [told.dropped]
    told.channel.stop(0)
    dropped.append(told.dropped)
    told.channel.offer(notice("too late"))
    assert [*dropped, told.dropped] == [16, 21, 22]


def test_stop__sends_what_waits_while_there_is_time(people: People, tell: Tell) -> None:
    told = tell(*map(str, range(5)))
    told.channel.stop(SECONDS_MAX)
    assert [each.body["text"] for each in people.requests] == list("01234")
    assert told.dropped == 0


def test_stop__waits_for_no_back_off(people: People, tell: Tell) -> None:
    people.usual = answers(500)
    told = tell("one", "two", patience=Patience(first_pause_seconds=3600))
    people.await_count(1)
    told.channel.stop(SECONDS_MAX)
    assert told.dropped == 2


def test_message__to_nobody_is_dropped() -> None:
    told = Told(People(url="http://127.0.0.1:1"))
    told.channel.start()
    told.channel.offer(notice())
    told.await_dropped(1)
    told.channel.stop(SECONDS_MAX)
