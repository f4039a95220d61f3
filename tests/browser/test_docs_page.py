"""The API page as a person uses it: a real browser, a real server, and no network."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, Page, Route, expect, sync_playwright

from app.client import VaeClient
from tests.builders import small_store

pytestmark = pytest.mark.browser

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
START_SECONDS = 60


@contextmanager
def running_service(store: Path) -> Iterator[str]:
    """The address of `vae-serve` on a free port, once it is ready."""
    port = free_port()
    command = [sys.executable, "-m", "app", "--store", str(store), "--port", str(port)]
    with subprocess.Popen(command) as process, VaeClient(f"http://127.0.0.1:{port}") as client:
        try:
            deadline = time.monotonic() + START_SECONDS
            while not client.ready():
                assert process.poll() is None, "vae-serve ended before it was ready."
                assert time.monotonic() < deadline, "vae-serve was not ready in time."
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    store = tmp_path_factory.mktemp("store")
    small_store(store, "digits")
    with running_service(store) as url:
        yield url


@pytest.fixture
def page() -> Iterator[Page]:
    """A page of a fresh Chromium."""
    if not CHROMIUM.exists():
        pytest.fail("The browser tests need Chromium: apt-get install chromium", pytrace=False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser.new_page()
        browser.close()


def stay_on_this_machine(page: Page) -> list[str]:
    """Stop every request to elsewhere, and keep its address."""
    strays: list[str] = []

    def guard(route: Route) -> None:
        if urlsplit(route.request.url).hostname == "127.0.0.1":
            route.continue_()
        else:
            strays.append(route.request.url)
            route.abort()

    page.route("**/*", guard)
    return strays


def expand(page: Page, url: str, path: str) -> Locator:
    """The panel of one operation, open."""
    page.goto(f"{url}/docs")
    panel = page.locator(".opblock").filter(has=page.locator(f'[data-path="{path}"]'))
    panel.locator(".opblock-summary").click()
    return panel


def test_the_elbo_example_is_answered_when_executed(service: str, page: Page) -> None:
    panel = expand(page, service, "/v1/models/{model}/elbo")

    panel.get_by_role("button", name="Try it out").click()
    panel.get_by_role("button", name="Execute").click()

    answer = panel.locator(".live-responses-table")
    expect(answer.locator(".response-col_status").last).to_have_text("200")
    expect(answer.locator(".response-col_description").last).to_contain_text('"elbo"')


def test_the_page_asks_nothing_of_another_machine(service: str, page: Page) -> None:
    strays = stay_on_this_machine(page)

    panel = expand(page, service, "/v1/models/{model}/elbo")
    expect(panel.get_by_role("button", name="Try it out")).to_be_visible()

    assert strays == []


def test_the_page_reports_no_error(service: str, page: Page) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(error.message))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)

    expect(expand(page, service, "/v1/models")).to_be_visible()

    assert errors == []
