"""Every query of the dashboards, asked of a real Prometheus that scrapes a gatepost and Envoys with traffic: none is refused,
and each finds what it is to show. Every rule and alert evaluates."""

import base64
import contextlib
import hashlib
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

from loopback import free_port, until

MONITORING = pathlib.Path("deploy/monitoring").resolve()
# What Grafana puts in before it asks.
VARIABLES = {"$__rate_interval": "15s", "$__range": "1m", "$job": ".*", "$rule": ".*", "$reason": ".*"}
# What there is none of here: exports to a collector, suspicious use, a new key.
QUIET = {
    ("executives", "Suspicious use"): "no series",
    ("executives", "Active clients"): "no series",
    ("on-call", "Exports"): "no series",
    ("on-call", "Time until a new key is usable"): "only NaN",
    ("debugging", "Suspicious events"): "no series",
}
TRAFFIC = 20
DOWN = "http://127.0.0.1:1"
DOWN_ISSUER = f"""
  - name: down
    issuer: {DOWN}
    audiences: [https://orders.example.com]
"""


def ask(url, data=None, headers=None):
    """Asks, whatever the answer."""
    try:
        return urllib.request.urlopen(urllib.request.Request(url, data, headers or {}), timeout=10).read()
    except urllib.error.HTTPError as error:
        return error.read()


@contextlib.contextmanager
def running(arguments, log, end=signal.SIGTERM):
    with open(log, "wb") as output:
        process = subprocess.Popen(arguments, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.send_signal(end)
        process.wait()


def replaced(text, old, new):
    assert text.count(old) == 1, f"there is not one {old!r}"
    return text.replace(old, new)


class Quickstart:
    """Where the parts of a running quickstart are, from what it says of itself."""

    def __init__(self, log):
        text = until("the quickstart", lambda: (said := log.read_text()).count("Ctrl-C stops") and said, 300)

        def said(pattern):
            return re.search(pattern, text)[1]

        self.directory = pathlib.Path(said(r"directory +(/\S+)"))
        self.admin = said(r"gatepost's pages +http://(\S+)")
        self.envoy_admin = said(r"Envoy's admin +http://(\S+)")
        self.envoy = said(r"Envoy +(http://\S+)")
        self.issuer = said(r"authorization server +(http://\S+)")

    def token(self, name):
        return (self.directory / name).read_text().strip()

    def configure(self):
        """Trusts an issuer that is down, too, and tries a stricter policy out."""
        config = self.directory / "config"
        strict = (config / "policy.yaml").read_text().replace("orders:read", "orders:all")
        (config / "policy.next.yaml").write_text(strict)
        text = (config / "gatepost.yaml").read_text()
        (config / "gatepost.yaml").write_text(replaced(text, "\nissuers:\n", f"\nissuers:{DOWN_ISSUER}"))


def of_the_issuer_that_is_down():
    now = int(time.time())
    claims = {"iss": DOWN, "aud": "https://orders.example.com", "sub": "s", "client_id": "c", "jti": "j"}
    claims |= {"iat": now, "exp": now + 600, "scope": "orders:read"}
    parts = [{"alg": "RS256", "kid": "k", "typ": "at+jwt"}, claims, "signature"]
    return ".".join(base64url(json.dumps(part).encode()) for part in parts)


def base64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def traffic(quickstart, gateway):
    """Requests of every outcome, revocations, and token requests, for a while."""
    names = ["reader.jwt", "writer.jwt", "opaque.token", "other-service.jwt", "expired.jwt"]
    tokens = [quickstart.token(name) for name in names] + [of_the_issuer_that_is_down(), "a.b.c"]
    signed, signature = tokens[0].rsplit(".", 1)
    tokens.append(f"{signed}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}")
    orders, refund = f"{quickstart.envoy}/orders/7", f"{quickstart.envoy}/orders/7/refund"
    refresh = {"grant_type": "refresh_token", "refresh_token": "r", "client_id": "web"}
    code = {"grant_type": "authorization_code", "code": "c", "code_verifier": "v", "client_id": "web"}
    end = time.time() + TRAFFIC
    count = 0
    while time.time() < end:
        count += 1
        revoke(quickstart, {"kind": "token", "iss": quickstart.issuer, "jti": str(count), "exp": int(time.time()) + 600})
        if count == 20:
            sha256 = base64url(hashlib.sha256(tokens[2].encode()).digest())
            revoke(quickstart, {"kind": "token_digest", "sha256": sha256, "exp": int(time.time()) + 600})
        for token in tokens:
            ask(orders, headers={"authorization": f"Bearer {token}"})
        for url in (orders, f"{quickstart.envoy}/healthz", f"{quickstart.envoy}/admin"):
            ask(url)
        ask(refund, b"", {"authorization": f"Bearer {tokens[0]}"})
        for form in (refresh, code, {"grant_type": "client_credentials"}):
            ask(f"{gateway}/token", urllib.parse.urlencode(form).encode())
        time.sleep(0.1)


def revoke(quickstart, message):
    line = json.dumps({"v": 1, "published": time.time(), **message})
    with open(quickstart.directory / "revocations.jsonl", "a") as feed:
        feed.write(f"{line}\n")


def gateway_config(quickstart, listener, admin):
    text = pathlib.Path("deploy/envoy/gateway.yaml").read_text()
    text = replaced(text, "{ address: 0.0.0.0, port_value: 8080 }", f"{{ address: 127.0.0.1, port_value: {listener} }}")
    text = replaced(text, "{ address: 127.0.0.1, port_value: 9901 }", f"{{ address: 127.0.0.1, port_value: {admin} }}")
    server = quickstart.issuer.rsplit(":", 1)[1]
    return replaced(text, "{ address: 127.0.0.1, port_value: 3000 }", f"{{ address: 127.0.0.1, port_value: {server} }}")


def prometheus_config(quickstart, gateway_admin):
    text = (MONITORING / "prometheus.yaml").read_text()
    text = replaced(text, "scrape_interval: 15s", "scrape_interval: 1s")
    text = replaced(text, "evaluation_interval: 30s", "evaluation_interval: 1s")
    text = replaced(text, "[rules.yaml, alerts.yaml]", f"[{MONITORING}/rules.yaml, {MONITORING}/alerts.yaml]")
    # Nobody is to be woken.
    text = replaced(text, "127.0.0.1:9093", f"127.0.0.1:{free_port()}")
    text = replaced(text, "127.0.0.1:9192", quickstart.admin)
    text = replaced(text, "127.0.0.1:9901", quickstart.envoy_admin)
    return replaced(text, "127.0.0.1:9911", f"127.0.0.1:{gateway_admin}")


def queries():
    """Every expression of a dashboard, with where it stands."""
    for path in sorted((MONITORING / "dashboards").glob("*.json")):
        dashboard = json.loads(path.read_text())
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                yield (path.stem, panel["title"]), target["expr"]
        for annotation in dashboard["annotations"]["list"]:
            yield (path.stem, annotation["name"]), annotation["target"]["expr"]
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                asked = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
                yield (path.stem, variable["name"]), f"count by ({asked[2]}) ({asked[1]})"


def fault(prometheus, expression):
    """What is wrong with what a query finds, if anything is."""
    for variable, value in VARIABLES.items():
        expression = expression.replace(variable, value)
    answer = json.loads(ask(f"{prometheus}/api/v1/query", urllib.parse.urlencode({"query": expression}).encode()))
    if answer["status"] != "success":
        return answer["error"]
    values = [sample["value"][1] for sample in answer["data"]["result"]]
    if not values:
        return "no series"
    return "only NaN" if all(value == "NaN" for value in values) else None


def look(prometheus):
    total, faults = 0, []
    for place, expression in queries():
        total += 1
        found = fault(prometheus, expression)
        if found and found != QUIET.get(place):
            faults.append(f"{place[0]}, {place[1]}: {found}: {expression}")
    rules = json.loads(ask(f"{prometheus}/api/v1/rules"))["data"]["groups"]
    rules = [rule for group in rules for rule in group["rules"]]
    faults += [f"{rule['name']}: {rule['health']}: {rule.get('lastError')}" for rule in rules if rule["health"] != "ok"]
    if faults:
        raise SystemExit("\n".join(faults))
    print(f"  {total} queries of dashboards find what they show, {len(rules)} rules and alerts evaluate")


def main():
    subprocess.run(["cargo", "build", "--locked", "--example", "quickstart"], check=True)
    binary = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", "target"), "debug/examples/quickstart").resolve()
    with contextlib.ExitStack() as stack:
        directory = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.enter_context(running([binary], directory / "quickstart.log", signal.SIGINT))
        quickstart = Quickstart(directory / "quickstart.log")
        quickstart.configure()
        listener, admin, port = free_port(), free_port(), free_port()
        (directory / "gateway.yaml").write_text(gateway_config(quickstart, listener, admin))
        # The quickstart has fetched it.
        [envoy] = pathlib.Path("target/tools").glob("envoy-*/envoy/_bin/envoy")
        arguments = ["--disable-hot-restart", "--concurrency", "1", "--log-level", "error"]
        stack.enter_context(running([envoy, "-c", directory / "gateway.yaml", *arguments], directory / "envoy.log"))
        (directory / "prometheus.yaml").write_text(prometheus_config(quickstart, admin))
        arguments = [f"--config.file={directory}/prometheus.yaml", f"--storage.tsdb.path={directory}/data"]
        arguments += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
        arguments += ["--enable-feature=exemplar-storage"]
        stack.enter_context(running(["prometheus", *arguments], directory / "prometheus.log"))
        prometheus, gateway = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{listener}"
        until("Prometheus", lambda: ask(f"{prometheus}/-/ready").startswith(b"Prometheus"))
        until("the gateway", lambda: ask(f"http://127.0.0.1:{admin}/ready").startswith(b"LIVE"))
        traffic(quickstart, gateway)
        look(prometheus)


if __name__ == "__main__":
    main()
