"""What is written about the API is what it does: the page of its routes, and the client in the README."""

import re
import subprocess
import sys

from runtime.api import server
from tests.api import rewrite
from tests.api.serving import ROOT, Api

README = ROOT / "README.md"


def test_page__is_what_the_openapi_document_says() -> None:
    page = rewrite.PAGE.read_text(encoding="utf-8")
    assert rewrite.written(page, server.describe()) == page, "say `make apidocs`"


def test_readme__its_client_runs(api: Api) -> None:
    (client,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(client.splitlines()) <= 20
    done = subprocess.run(
        [sys.executable, "-c", client],
        env={"HOLDFAST": api.url, "TOKEN": api.token(role="operator")},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    assert "bot 1" in done.stdout
    assert "pending" in done.stdout


def test_readme__its_curl_asks_for_something_that_is_there(api: Api) -> None:
    (path,) = re.findall(r"curl -H .*?(/api/v1/\S+)", README.read_text(encoding="utf-8"))
    with api.client() as client:
        assert client.get(api.url + path.strip('"')).status_code == 200
