"""What a learner meets: `make lab`, a browser, Run All, a slider that moves a figure.

JupyterLab is started as the README says. Chromium is driven by playwright; where there is none
the browser's part is skipped, except in continuous integration (CI=true), where it fails.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from urllib.error import HTTPError
from urllib.request import urlopen

import psutil
import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "notebooks" / "21_neep.ipynb"
ARTEFACTS = ROOT / "test-artefacts"
# What JupyterLab is told for the test: keep every cell on the page, never save, show no pop-ups.
SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},
    "docmanager-extension/plugin": {"autosave": False},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
CHROMIUM_FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# From before a widget is moved until after: the picture on the page, as text.
PICTURE = """async image => {
    const bytes = new Uint8Array(await (await fetch(image.src)).arrayBuffer());
    return Array.from(bytes).join();
}"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """`make lab`, with settings of its own; `url` is what it tells the learner to open."""
    pytest.importorskip("jupyterlab")
    if not shutil.which("make"):
        pytest.skip("make is not installed")
    home = tmp_path_factory.mktemp("jupyter")
    for name, values in SETTINGS.items():
        file = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    environment |= {
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
    }
    command = ["make", "lab", f"LAB_ARGS=--no-browser --port={free_port()}"]
    log = home / "lab.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + 120
        while not (url := re.search(r"http://\S+\?token=(\w+)", log.read_text())):
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield SimpleNamespace(process=process, url=url[0], token=url[1], log=log)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def test_make_lab_opens_the_start_page_with_a_token_on_this_machine_only(lab: SimpleNamespace):
    address = re.fullmatch(r"(http://127\.0\.0\.1:(\d+))(/\S+)\?token=(\w+)", lab.url)
    assert address is not None, lab.url
    assert address[3] == "/lab/tree/notebooks/00_start_here.ipynb"
    with urlopen(f"{address[1]}/api/status?token={lab.token}", timeout=60) as reply:
        assert reply.status == 200
    with pytest.raises(HTTPError, match="403"):
        urlopen(f"{address[1]}/api/status", timeout=60)
    family = [psutil.Process(lab.process.pid), *psutil.Process(lab.process.pid).children(True)]
    listening = {
        connection.laddr.ip
        for process in family
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


@pytest.fixture
def chromium() -> str:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        message = f"no browser: none of {', '.join(names)} is installed"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    return found


def test_a_learner_runs_the_notebook_and_moves_a_slider(lab: SimpleNamespace, chromium: str):
    from playwright.sync_api import expect, sync_playwright

    stored = NOTEBOOK.read_bytes()
    code = [cell for cell in json.loads(stored)["cells"] if cell["cell_type"] == "code"]
    folded = [bool(cell["metadata"].get("jupyter", {}).get("source_hidden")) for cell in code]
    # Chromium's sandbox does not start as root, nor in most containers.
    contained = sys.platform == "linux" and (os.geteuid() == 0 or "CI" in os.environ)
    flags = CHROMIUM_FLAGS + ["--no-sandbox"] * contained
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        page = browser.new_page(viewport={"width": 1280, "height": 1500})
        page.set_default_timeout(120_000)
        expect.set_options(timeout=120_000)
        try:
            page.goto(lab.url.replace("00_start_here", NOTEBOOK.stem))
            # The status bar: the notebook's own sign says idle before the kernel is connected.
            expect(page.locator("#jp-main-statusbar")).to_contain_text(re.compile(r"\| Idle"))
            choose(page, "Edit", "editmenu:clear-all")  # else the stored counts look like a run
            wait_for_prompts(page, r"\[ \]:", folded)
            choose(page, "Run", "runmenu:run-all")
            wait_for_prompts(page, r"\[\d+\]:", folded)
            expect(page.locator("#jp-main-statusbar")).to_contain_text(re.compile(r"\| Idle"))

            explorer = page.locator(".widget-interact", has=page.locator(".noUi-handle")).first
            picture = explorer.locator("img").first
            picture.scroll_into_view_if_needed()
            before = picture.evaluate(PICTURE)
            page.screenshot(path=artefact("21_neep_before.png"))
            handle = explorer.locator(".noUi-handle").first
            handle.focus()
            handle.press("Home" if at_its_end(handle) else "End")
            for _ in range(100):
                if (after := picture.evaluate(PICTURE)) != before:
                    break
                page.wait_for_timeout(200)
            page.screenshot(path=artefact("21_neep.png"))
            assert after != before, "the slider moved, the figure did not change"
            assert page.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0
        except BaseException:
            page.screenshot(path=artefact("21_neep_failed.png"))
            raise
        finally:
            browser.close()
    assert NOTEBOOK.read_bytes() == stored, "the test must not write into the tree"


def choose(page, menu: str, command: str) -> None:
    page.get_by_role("menuitem", name=menu, exact=True).click()
    page.locator(f".lm-Menu-item[data-command='{command}']").click()


def wait_for_prompts(page, pattern: str, folded: list[bool]) -> None:
    """All prompts read like that (a folded cell has none): a sign that does not flicker."""
    prompts = page.locator(".jp-CodeCell .jp-InputPrompt")
    errors = page.locator("[data-mime-type='application/vnd.jupyter.error']")
    deadline = time.monotonic() + 400
    while True:
        texts = [text.strip() for text in prompts.all_text_contents()]
        fit = [
            not text if fold else re.fullmatch(pattern, text)
            for text, fold in zip(texts, folded, strict=False)
        ]
        if len(texts) == len(folded) and all(fit):
            return
        assert errors.count() == 0, errors.first.inner_text()
        assert time.monotonic() < deadline, f"prompts after 400 s: {texts}"
        page.wait_for_timeout(300)


def at_its_end(handle) -> bool:
    return handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemax")


def artefact(name: str) -> str:
    ARTEFACTS.mkdir(exist_ok=True)
    return str(ARTEFACTS / name)
