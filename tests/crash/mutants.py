"""Engines that are wrong on purpose: a harness that finds nothing wrong with them proves nothing."""

from collections.abc import Callable

from runtime.domain.market import Answer, Unproved
from runtime.domain.order import Intent, Order, Status
from runtime.engine import sending
from runtime.engine.desk import Desk

ATTEMPTS_MAX = 3
_submit, _record = sending._submit, sending.record_answer


def resend_blindly() -> None:
    """Sends again what was not answered, as a retry decorator would."""

    def submit(desk: Desk, intent: Intent) -> Answer:
        answer = _submit(desk, intent)
        for _ in range(ATTEMPTS_MAX):
            if not isinstance(answer, Unproved):
                break
            answer = _submit(desk, intent)
        return answer

    sending._submit = submit


def take_silence_for_failure() -> None:
    """Calls failed what was not answered."""

    def record(desk: Desk, order: Order, answer: Answer) -> Order:
        if isinstance(answer, Unproved):
            return desk.ledger.advance(order, Status.FAILED, desk.exchange.now(), {"detail": answer.detail})
        return _record(desk, order, answer)

    sending.record_answer = record


MUTANTS: dict[str, Callable[[], None]] = {
    "resend-blindly": resend_blindly,
    "silence-is-failure": take_silence_for_failure,
}
