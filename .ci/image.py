"""Tries the image's binary: its size, the crates it names, and that it serves in an empty root."""
import http.server, json, os, pathlib, shutil, struct, subprocess, sys, tempfile, threading, time, tomllib
import urllib.error, urllib.request, zlib

BINARY = pathlib.Path(sys.argv[1])
AUTHORITIES = "etc/ssl/certs/ca-certificates.crt"
USER = 65532
# RFC 7517 A.1.
KEY = {"kty": "EC", "crv": "P-256", "kid": "1", "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
       "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}


def section(elf, wanted):
    """A section of a 64-bit little-endian ELF file."""
    table, = struct.unpack_from("<Q", elf, 0x28)
    size, count, names = struct.unpack_from("<HHH", elf, 0x3A)
    header = lambda n: struct.unpack_from("<IIQQQQ", elf, table + n * size)
    strings = header(names)[4]
    for n in range(count):
        name, _, _, _, offset, length = header(n)
        start = strings + name
        if elf[start:elf.index(b"\0", start)] == wanted:
            return elf[offset:offset + length]
    sys.exit(f"the binary has no section {wanted}")


def names_its_crates(elf):
    packages = json.loads(zlib.decompress(section(elf, b".dep-v0")))["packages"]
    found = {(p["name"], p["version"]) for p in packages if p.get("kind", "runtime") == "runtime"}
    locked = {(p["name"], p["version"]) for p in tomllib.loads(pathlib.Path("Cargo.lock").read_text())["package"]}
    assert found <= locked, found - locked
    assert {"gatepost", "tonic", "rustls", "aws-lc-sys"} <= {name for name, _ in found}
    return len(found)


class Keys(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"keys": [KEY]}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def empty_root(root, port):
    for directory in ("etc/ssl/certs", "etc/gatepost", "run/gatepost"):
        (root / directory).mkdir(parents=True)
    shutil.copy("/" + AUTHORITIES, root / AUTHORITIES)
    shutil.copy(BINARY, root / "gatepost")
    # As the kubelet and the chart mount them.
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
    (root / "etc/gatepost/gatepost.yaml").write_text(
        "listen: { authz: 'unix:/run/gatepost/authz.sock', admin: '127.0.0.1:0' }\n"
        "issuers:\n"
        # By name, so that the static binary resolves one.
        f"  - {{ name: a, issuer: 'http://localhost:{port}', jwks_uri: 'http://localhost:{port}/keys', audiences: [a] }}\n"
        # https, so that it reads the certificate authorities.
        "  - { name: b, issuer: 'https://b.example', jwks_uri: 'https://127.0.0.1:1/keys', audiences: [a], optional: true }\n")
    (root / "etc/gatepost/policy.yaml").write_text(
        "rules:\n  - { name: a, match: { path: /a }, require: { scopes: [a] } }\n")
    os.chmod(root, 0o755)
    os.chown(root / "run/gatepost", USER, USER)


def inside(root, *arguments, **more):
    command = [shutil.which("chroot"), f"--userspec={USER}:{USER}", str(root), "/gatepost", *arguments, "--config", "/etc/gatepost"]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={}, **more)


def serves(root):
    process = inside(root, "serve")
    try:
        lines = iter(process.stderr.readline, "")
        admin = next(json.loads(line)["admin"] for line in lines if '"gatepost serves"' in line)
        threading.Thread(target=lambda: [None for _ in lines], daemon=True).start()
        until = time.monotonic() + 30
        while True:
            try:
                urllib.request.urlopen(f"http://{admin}/readyz")
                break
            except urllib.error.HTTPError as error:
                assert time.monotonic() < until, error.read()
                time.sleep(0.05)
        assert (root / "run/gatepost/authz.sock").is_socket()
        process.terminate()
        assert process.wait(30) == 0
    finally:
        process.kill()


def main():
    elf = BINARY.read_bytes()
    size = len(elf) + os.path.getsize("/" + AUTHORITIES)
    assert size < 30_000_000, f"{size} bytes"
    print(f"{len(elf) / 1e6:.1f} MB and certificate authorities; names {names_its_crates(elf)} crates")
    if os.geteuid() != 0:
        print("NOT TRIED in an empty root: chroot needs root")
        return
    keys = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Keys)
    threading.Thread(target=keys.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory)
        empty_root(root, keys.server_port)
        check = inside(root, "check")
        said = check.communicate()[1]
        assert check.returncode == 0, said
        serves(root)
    print("checks and serves in an empty root")


main()
