"""What the settings of notifications refuse, and that they repeat no secret."""

import pytest

from runtime import errors
from runtime.settings import Settings
from tests.notifications.people import CANARY, TOKEN

HOOK = f"https://hooks.example.org/services/T0/{CANARY}-of-the-hook"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HOLDFAST_WEBHOOK_URL", f"ftp://{CANARY}"),
        ("HOLDFAST_WEBHOOK_URL", f"http://example.org/{CANARY}"),
        ("HOLDFAST_WEBHOOK_URL", f"https://example.org/ {CANARY}"),
        ("HOLDFAST_WEBHOOK_URL", f"https://example.org/{CANARY}\r\nX: y"),
        ("HOLDFAST_WEBHOOK_URL", f"https://example.org/{CANARY}é"),
        ("HOLDFAST_WEBHOOK_URL", f"https://[{CANARY}"),
        ("HOLDFAST_TELEGRAM_TOKEN", f"{CANARY}"),
        ("HOLDFAST_TELEGRAM_TOKEN", f"1:{CANARY}/../x"),
        ("HOLDFAST_TELEGRAM_TOKEN", f"1:{CANARY}\n"),
        ("HOLDFAST_TELEGRAM_TOKEN", TOKEN),
        ("HOLDFAST_TELEGRAM_CHAT", "5"),
        ("HOLDFAST_TELEGRAM_CHAT", "@room"),
        ("HOLDFAST_TELEGRAM_CHAT", "²"),
    ],
)
def test_setting__that_cannot_be_used_is_refused_without_repeating_it(name: str, value: str) -> None:
    with pytest.raises(errors.BadSettings) as refused:
        Settings.from_env({name: value})
    assert name in str(refused.value)
    assert CANARY not in str(refused.value).lower()


def test_token__goes_to_nobody_in_the_clear() -> None:
    given = {"HOLDFAST_TELEGRAM_TOKEN": TOKEN, "HOLDFAST_TELEGRAM_CHAT": "-100"}
    assert Settings.from_env(given | {"HOLDFAST_TELEGRAM_URL": "http://127.0.0.1:1"}).telegram_chat == -100
    with pytest.raises(errors.BadSettings, match="HOLDFAST_TELEGRAM_URL must begin with https"):
        Settings.from_env(given | {"HOLDFAST_TELEGRAM_URL": "http://10.0.0.1:1"})


def test_secrets__are_kept_out_with_the_telling_parts_of_an_address() -> None:
    settings = Settings.from_env(
        {
            "HOLDFAST_WEBHOOK_URL": HOOK,
            "HOLDFAST_TELEGRAM_TOKEN": TOKEN,
            "HOLDFAST_TELEGRAM_CHAT": "1",
        }
    )
    kept_out = settings.secret_texts()
    assert {HOOK, TOKEN, f"{CANARY}-of-the-hook"} <= set(kept_out)
    assert CANARY not in repr(settings).lower()


def test_secrets__short_words_of_an_address_may_stand_anywhere() -> None:
    settings = Settings.from_env({"HOLDFAST_WEBHOOK_URL": "https://example.org/hook"})
    assert settings.secret_texts() == ("https://example.org/hook",)
