"""What a real Alertmanager sends with alertmanager.yaml: one dead identity provider is one page, and what has nothing to do
with it is still heard of."""

import contextlib
import http.server
import json
import pathlib
import re
import subprocess
import tempfile
import threading
import time
import urllib.request

from loopback import free_port, until

CONFIG = pathlib.Path("deploy/monitoring/alertmanager.yaml")
SHIPPED_RECEIVERS = "http://127.0.0.1:9095/"
# Long enough for every group that is going to be sent to be sent: they wait one second for more of theirs.
SETTLED = 5

DOWN = {"alertname": "GatepostIdentityProviderDown", "severity": "page", "issuer": "corp"}
FOLLOWS_FOR_ITS_ISSUER = [
    {"alertname": "GatepostIntrospectionErrorBudgetBurn", "severity": "page", "long": "1h", "short": "5m"},
    {"alertname": "GatepostIntrospectionErrorBudgetBurn", "severity": "ticket", "long": "3d", "short": "6h"},
    {"alertname": "GatepostIntrospectionSuspended", "severity": "ticket"},
    {"alertname": "GatepostKeysStale", "severity": "ticket"},
    {"alertname": "GatepostJwksRefreshSlow", "severity": "ticket"},
]
FOLLOWS_FOR_THE_FLEET = [
    {"alertname": "GatepostCheckErrorBudgetBurn", "severity": "page", "long": "1h", "short": "5m"},
    {"alertname": "GatepostCheckErrorBudgetBurn", "severity": "page", "long": "6h", "short": "30m"},
    {"alertname": "GatepostCheckErrorBudgetBurn", "severity": "ticket", "long": "1d", "short": "2h"},
    {"alertname": "GatepostCheckLatencyBudgetBurn", "severity": "page", "long": "1h", "short": "5m"},
    {"alertname": "GatepostTokenValidationErrorBudgetBurn", "severity": "ticket", "long": "3d", "short": "6h"},
    {"alertname": "GatepostIntrospectionRateLimited", "severity": "ticket", "reason": "introspection_saturated"},
    {"alertname": "GatepostTokenIssuanceErrorBudgetBurn", "severity": "page", "long": "1h", "short": "5m"},
]


@contextlib.contextmanager
def templates():
    """Debian's Alertmanager reads its templates at this one place, also when it was only unpacked."""
    place = pathlib.Path("/usr/share/prometheus/alertmanager")
    if place.exists():
        yield
        return
    made = not place.parent.exists()
    unpacked = pathlib.Path("target/tools/debian-monitoring", *place.parts[1:]).resolve(strict=True)
    try:
        place.parent.mkdir(exist_ok=True)
        place.symlink_to(unpacked)
    except PermissionError as error:
        raise SystemExit(f"{error}: run this as root, or install Debian's prometheus-alertmanager") from None
    try:
        yield
    finally:
        place.unlink()
        if made:
            place.parent.rmdir()


class Receiver(http.server.BaseHTTPRequestHandler):
    """Notes what is sent to whom."""

    sent = []

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        alerts = [alert["labels"] for alert in body["alerts"]]
        self.sent.append((self.path.strip("/"), alerts))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def sent_for(alerts):
    """What an Alertmanager that has just started sends when these alerts fire, as (receiver, alert names)."""
    Receiver.sent = []
    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as directory:
        config = CONFIG.read_text().replace(SHIPPED_RECEIVERS, f"http://127.0.0.1:{receiver.server_port}/")
        config, waits = re.subn(r"group_wait: \w+", "group_wait: 1s", config)
        assert waits == 1, "alertmanager.yaml has one group_wait"
        path = pathlib.Path(directory, "alertmanager.yaml")
        path.write_text(config)
        port = free_port()
        arguments = [f"--config.file={path}", f"--storage.path={directory}/data", "--log.level=error"]
        arguments += [f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="]
        process = subprocess.Popen(["prometheus-alertmanager", *arguments])
        try:
            base = f"http://127.0.0.1:{port}"
            until("Alertmanager to be ready", lambda: urllib.request.urlopen(f"{base}/-/ready").status == 200)
            body = json.dumps([{"labels": labels} for labels in alerts]).encode()
            headers = {"content-type": "application/json"}
            urllib.request.urlopen(urllib.request.Request(f"{base}/api/v2/alerts", body, headers))
            # That nothing more is sent can only be waited for.
            time.sleep(SETTLED)
        finally:
            process.terminate()
            process.wait()
            receiver.shutdown()
    return sorted((who, sorted({labels["alertname"] for labels in group})) for who, group in Receiver.sent)


def expect(what, alerts, expected):
    found = sent_for(alerts)
    if found != sorted(expected):
        raise SystemExit(f"{what}: sent {found}, where it should be {sorted(expected)}")
    print(f"  {what}")


def check():
    of_corp = [dict(labels, issuer="corp") for labels in FOLLOWS_FOR_ITS_ISSUER]
    page = ("pages", [DOWN["alertname"]])
    expect("one dead identity provider is one page", [DOWN, *of_corp, *FOLLOWS_FOR_THE_FLEET], [page])
    other = {"alertname": "GatepostIntrospectionSuspended", "severity": "ticket", "issuer": "other"}
    absent = {"alertname": "GatepostAbsent", "severity": "page", "sign": "unscraped"}
    more = [("tickets", [other["alertname"]]), ("pages", [absent["alertname"]])]
    expect("another issuer and a sidecar that is gone are still heard of", [DOWN, other, absent], [page, *more])
    burn = [labels for labels in FOLLOWS_FOR_THE_FLEET if labels["alertname"] == "GatepostCheckErrorBudgetBurn"]
    expect("an objective that burns in every window is one page", burn, [("pages", [burn[0]["alertname"]])])
    stale = [
        {"alertname": "GatepostRevocationFeedStale", "severity": severity, "feed": "redis"}
        for severity in ("page", "ticket")
    ]
    stale += [
        {"alertname": "GatepostRevocationGap", "severity": "page", "feed": "redis"},
        {"alertname": "GatepostRevocationSlow", "severity": "page"},
    ]
    expect("a dead revocation feed is one page", stale, [("pages", [stale[0]["alertname"]])])


if __name__ == "__main__":
    with templates():
        check()
