"""Measures mock servers in turns; see `run`."""

import json
import os
import pathlib
import re
import socket
import statistics
import subprocess
import sys
import time
import urllib.request

folder, world, turns, seconds = pathlib.Path(sys.argv[1]).resolve(), os.path.abspath(sys.argv[2]), int(sys.argv[3]), sys.argv[4]

LINES = [{"name": str(at), "from": f"District {at}", "to": f"District {at + 1}", "stops": 12 + at, "note": "made up"} for at in range(24)]
BODY = {"id": "transit", "city": "Jinan", "lines": LINES}
TEXT = json.dumps(BODY, separators=(",", ":"))
HEADERS = {"OneCity-Admin": "peers", "Content-Type": "application/json"}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def send(url, body, headers=None, method="POST"):
    request = urllib.request.Request(url, json.dumps(body).encode(), headers or {"Content-Type": "application/json"}, method=method)
    urllib.request.urlopen(request, timeout=5).read()


def wait_for(url, status=200):
    for _ in range(6000):
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == status:
                    return
        except OSError:
            pass
        time.sleep(0.005)
    raise SystemExit(f"{url} never answered")


def onecity(port, *more):
    def prepare():
        origin = f"http://127.0.0.1:{port}"
        stub = {"on": {"path": "/city/cn-sd.jinan/transit"}, "answer": {"kind": "reply", "json": BODY}}
        send(f"{origin}/worlds/default/stubs", stub, HEADERS)
        # Rules that every request is held against.
        send(f"{origin}/worlds/default/faults", {"what": {"kind": "reset"}, "on": {"path": "/idp/**"}}, HEADERS)
        send(f"{origin}/worlds/default/faults", {"what": {"kind": "status", "status": 503}, "on": {"persona": "minh"}}, HEADERS)
    return [world, "--port", str(port), *more], "/health", "/city/cn-sd.jinan/transit", prepare


def onecity_with_state(port):
    state = folder / "world.state"
    for path in folder.glob("world.state*"):
        path.unlink()
    return onecity(port, "--state", str(state))


def json_server(port):
    (folder / "db.json").write_text(json.dumps({"transit": BODY}))
    command = ["node", str(folder / "node_modules/json-server/lib/cli/bin.js"), "--host", "127.0.0.1", "--port", str(port), "--quiet", str(folder / "db.json")]
    return command, "/transit", "/transit", None


def prism(port):
    content = {"application/json": {"example": BODY}}
    operation = {"responses": {"200": {"description": "all of it", "content": content}}}
    (folder / "openapi.json").write_text(json.dumps({"openapi": "3.0.3", "info": {"title": "transit", "version": "1"}, "paths": {"/transit": {"get": operation}}}))
    return [str(folder / "node_modules/.bin/prism"), "mock", "-h", "127.0.0.1", "-p", str(port), str(folder / "openapi.json")], "/transit", "/transit", None


def mockoon(port):
    one, two = "b7c1c5a0-0000-4000-8000-000000000002", "b7c1c5a0-0000-4000-8000-000000000003"
    response = {"uuid": two, "body": TEXT, "latency": 0, "statusCode": 200, "label": "", "headers": [{"key": "content-type", "value": "application/json"}],
                "bodyType": "INLINE", "filePath": "", "databucketID": "", "sendFileAsBody": False, "rules": [], "rulesOperator": "OR",
                "disableTemplating": True, "fallbackTo404": False, "default": True, "crudKey": "id", "callbacks": []}
    route = {"uuid": one, "type": "http", "documentation": "", "method": "get", "endpoint": "transit", "responses": [response],
             "responseMode": None, "streamingMode": None, "streamingInterval": 0}
    environment = {"uuid": "b7c1c5a0-0000-4000-8000-000000000001", "lastMigration": 33, "name": "transit", "port": port, "hostname": "127.0.0.1",
                   "endpointPrefix": "", "latency": 0, "folders": [], "rootChildren": [{"type": "route", "uuid": one}], "proxyMode": False,
                   "proxyHost": "", "proxyRemovePrefix": False, "proxyReqHeaders": [], "proxyResHeaders": [], "cors": False, "headers": [],
                   "data": [], "callbacks": [], "routes": [route],
                   "tlsOptions": {"enabled": False, "type": "CERT", "pfxPath": "", "certPath": "", "keyPath": "", "caPath": "", "passphrase": ""}}
    (folder / "mockoon.json").write_text(json.dumps(environment))
    return [str(folder / "node_modules/.bin/mockoon-cli"), "start", "--data", str(folder / "mockoon.json"), "--port", str(port), "--disable-log-to-file"], "/transit", "/transit", None


def wiremock(port):
    def prepare():
        mapping = {"request": {"method": "GET", "url": "/transit"}, "response": {"status": 200, "jsonBody": BODY}}
        send(f"http://127.0.0.1:{port}/__admin/mappings", mapping)
    jar = next(folder.glob("jars/wiremock-standalone-*.jar"))
    return ["java", "-jar", str(jar), "--port", str(port), "--bind-address", "127.0.0.1"], "/__admin/health", "/transit", prepare


def mockserver(port):
    def prepare():
        expectation = {"httpRequest": {"path": "/transit"}, "httpResponse": {"statusCode": 200, "headers": {"content-type": ["application/json"]}, "body": TEXT},
                       "times": {"unlimited": True}}
        send(f"http://127.0.0.1:{port}/mockserver/expectation", expectation, method="PUT")
    jars = [str(jar) for jar in folder.glob("jars/*.jar") if "wiremock" not in jar.name]
    ready = "/mockserver/ready"
    return ["java", "-Dmockserver.livenessHttpGetPath=" + ready, "-Dmockserver.logLevel=ERROR", "-cp", ":".join(jars), "org.mockserver.cli.Main", "-serverPort", str(port)], ready, "/transit", prepare


SERVERS = {"OneCity": onecity, "OneCity --state": onecity_with_state, "json-server": json_server, "Prism": prism, "Mockoon": mockoon, "WireMock": wiremock, "MockServer": mockserver}


def memory(pid):
    """MiB of a process with its children (proc_pid_status)."""
    total, pids = 0, [pid]
    while pids:
        own = pids.pop()
        try:
            status = pathlib.Path(f"/proc/{own}/status").read_text()
            pids += [int(child) for child in pathlib.Path(f"/proc/{own}/task/{own}/children").read_text().split()]
        except OSError:
            continue
        found = re.search(r"VmRSS:\s+(\d+)", status)
        total += int(found.group(1)) if found else 0
    return total / 1024


def milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def turn(name):
    port = free_port()
    command, ready, path, prepare = SERVERS[name](port)
    began = time.monotonic()
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, cwd=folder)
    try:
        wait_for(f"http://127.0.0.1:{port}{ready}")
        ready_in = (time.monotonic() - began) * 1000
        if prepare:
            prepare()
        url = f"http://127.0.0.1:{port}{path}"
        with urllib.request.urlopen(url) as answer:
            assert json.load(answer)["city"] == "Jinan", name
        idle = memory(server.pid)
        subprocess.run(["wrk", "-t1", "-c16", "-d1s", url], capture_output=True, check=True)
        said = subprocess.run(["wrk", "-t1", "-c16", f"-d{seconds}s", "--latency", url], capture_output=True, text=True, check=True).stdout
    finally:
        os.killpg(server.pid, 15)
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, 9)
    assert "Non-2xx" not in said and "Socket errors" not in said, f"{name}: {said}"
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", said).group(1))
    return rate, milliseconds(re.search(r"99%\s+(\S+)", said).group(1)), ready_in, idle


measured = {name: [] for name in SERVERS}
for _ in range(turns):
    for name in SERVERS:
        measured[name].append(turn(name))
figures = {name: [statistics.median(column) for column in zip(*rows)] for name, rows in measured.items()}
print(f"{len(TEXT)} bytes of JSON, 16 connections, {turns} turns of {seconds} s each, medians")
print(f"{'':<16}{'requests/s':>12}{'p99 ms':>9}{'ready ms':>10}{'idle MiB':>10}")
for name, (rate, p99, ready_in, idle) in figures.items():
    print(f"{name:<16}{rate:>12.0f}{p99:>9.2f}{ready_in:>10.0f}{idle:>10.1f}")
own = figures["OneCity"]
print("\nas ratios to OneCity's")
for name, other in figures.items():
    if name != "OneCity":
        print(f"{name:<16}{own[0] / other[0]:>11.1f}x{other[1] / own[1]:>8.1f}x{other[2] / own[2]:>9.1f}x{other[3] / own[3]:>9.1f}x")
