"""Every picture of the documentation, taken from the demo: `./run screenshots [NAME...]`.

Chromium is driven by its DevTools protocol over a websocket, so nothing has to be installed beside what the tests need.

    python tools/screenshots.py http://127.0.0.1:PORT DATABASE [NAME...]
"""

import base64
import json
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import requests
import websocket

ROOT = Path(__file__).resolve().parents[1]
STORE = "call_center_billing/static/description"  # pictures that the README and Odoo's list of apps show as well
DOCS = "docs/images"


@dataclass
class Picture:
    """``path`` may hold ``{id}``: that of the first record of ``model`` that fits. ``click`` is the text of what is clicked then."""

    name: str
    login: str
    path: str
    folder: str = DOCS
    model: str = ""
    domain: tuple = ()
    order: str = "id"
    click: str = ""
    width: int = 1280
    height: int = 900


def form(action, model, **more):
    return {"path": f"/odoo/action-call_center_billing.{action}/{{id}}", "model": model, **more}


PICTURES = (
    Picture("sources", "accountant", "/odoo/action-call_center_billing.call_source_action", STORE, height=520),
    Picture("import", "accountant", folder=STORE, height=860, order="read_count desc", **form("call_import_action", "call.import")),
    Picture("suspense", "accountant", "/odoo/action-call_center_billing.call_suspense_action", height=560),
    Picture("plan", "sales", height=640, **form("call_rate_plan_action", "call.rate.plan", domain=(("allowance_ids", "!=", False),))),
    Picture("endpoints", "sales", click="Endpoints", height=760, **form("contract_action", "contract.contract", domain=(("has_usage", "=", True),))),
    Picture("billing-run", "accountant", height=560, order="id desc", **form("call_billing_run_action", "call.billing.run")),
    Picture("proof", "accountant", "/odoo/action-call_center_billing.call_proof_server_action", STORE, height=1000),
    Picture("dispute-decision", "accountant", height=800, order="id desc", **form("call_dispute_action", "call.dispute")),
    Picture(
        "statement", "client", "/my/statements/{id}", STORE, "call.statement", (("invoice_id.state", "=", "posted"),), "date_start desc"
    ),
    Picture("dashboard", "client", "/my/calls/dashboard", STORE, height=1315),
    Picture("calls", "client", "/my/calls", STORE),
    Picture("dispute", "client", "/my/disputes/{id}", STORE, "call.dispute", order="id desc", height=620),
    Picture("agreement", "client", "/my/agreements/{id}", STORE, "call.agreement", (("state", "=", "offered"),)),
    Picture("phone", "client", "/my/calls/dashboard", width=390, height=844),
)  # fmt: skip


class Odoo:
    """A session of one user."""

    def __init__(self, address, database, login):
        self.address, self.session = address, requests.Session()
        self._post("/web/session/authenticate", db=database, login=login, password=login)

    def _post(self, path, **params):
        answer = self.session.post(self.address + path, json={"jsonrpc": "2.0", "params": params}, timeout=120).json()
        if "error" in answer:
            raise SystemExit(f"{path}: {answer['error']['data']['message']}")
        return answer["result"]

    def first(self, picture):
        found = self._post(
            f"/web/dataset/call_kw/{picture.model}/search",
            model=picture.model, method="search", args=[list(picture.domain)], kwargs={"order": picture.order, "limit": 1},
        )  # fmt: skip
        return found[0] if found else sys.exit(f"The demo has no {picture.model} for the picture {picture.name}.")


class Browser:
    """One page of a headless Chromium."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        program = shutil.which("chromium") or shutil.which("google-chrome")
        switches = ("--headless=new", "--no-sandbox", "--hide-scrollbars", "--lang=en-US", "--disable-gpu", "--no-first-run")
        self.process = subprocess.Popen(
            [program, *switches, "--remote-debugging-port=0", f"--user-data-dir={self.folder.name}", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        told = Path(self.folder.name) / "DevToolsActivePort"
        wait_for(told.is_file, 60)
        wait_for(lambda: len(told.read_text().splitlines()) == 2, 10)
        pages = requests.get(f"http://127.0.0.1:{told.read_text().split()[0]}/json", timeout=30).json()
        page = next(each for each in pages if each["type"] == "page")
        self.socket = websocket.create_connection(page["webSocketDebuggerUrl"], suppress_origin=True, timeout=120)
        self.number = 0
        return self

    def __exit__(self, *_error):
        self.socket.close()
        self.process.terminate()
        self.process.wait(30)
        self.folder.cleanup()

    def send(self, method, **params):
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": params}))
        while True:
            message = json.loads(self.socket.recv())
            if message.get("id") == self.number:
                return message["result"]

    def evaluate(self, script):
        return self.send("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def settle(self):
        """Wait until the page has what it shows, and stays as it is."""
        before = None
        for _look in range(60):
            time.sleep(1)
            loading = "document.readyState != 'complete' || !!document.querySelector('.o_blockUI, .o_view_nocontent_loading')"
            now = None if self.evaluate(loading) else self.evaluate("document.body.innerHTML.length")
            if now and now == before and now > 5000:
                return time.sleep(1)
            before = now
        return None

    def take(self, picture, odoo, path):
        self.send("Network.clearBrowserCookies")
        self.send("Network.setCookie", name="session_id", value=odoo.session.cookies["session_id"], url=odoo.address)
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=picture.width, height=picture.height, deviceScaleFactor=1, mobile=picture.width < 600,
        )  # fmt: skip
        self.send("Page.navigate", url=odoo.address + path)
        self.settle()
        if picture.click:
            found = f"[...document.querySelectorAll('a, button')].find(e => e.textContent.trim() == {picture.click!r})"
            if not self.evaluate(f"(e => e && (e.click(), true))({found})"):
                sys.exit(f"There is no {picture.click!r} on the page for the picture {picture.name}.")
            self.settle()
        data = self.send("Page.captureScreenshot", format="png")["data"]
        file = ROOT / picture.folder / f"{picture.name}.png"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(smaller(base64.b64decode(data)))
        print(f"  {file.relative_to(ROOT)}", flush=True)


def smaller(png):
    """The same picture with 256 colours: a third of the bytes, and nobody sees it."""
    from io import BytesIO

    from PIL import Image

    out = BytesIO()
    Image.open(BytesIO(png)).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()


def wait_for(condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("Waited in vain.")
        time.sleep(0.2)


def answers(address):
    try:
        return requests.get(f"{address}/web/login", timeout=30).ok
    except requests.ConnectionError:
        return False


def main(address, database, *names):
    wait_for(lambda: answers(address), 120)
    sessions = {}
    with Browser() as browser:
        for picture in PICTURES:
            if names and picture.name not in names:
                continue
            odoo = sessions.get(picture.login) or sessions.setdefault(picture.login, Odoo(address, database, picture.login))
            path = picture.path.format(id=odoo.first(picture)) if "{id}" in picture.path else picture.path
            browser.take(picture, odoo, path)


if __name__ == "__main__":
    main(*sys.argv[1:])
