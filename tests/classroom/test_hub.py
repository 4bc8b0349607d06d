"""Two users of a real JupyterHub with the class's configuration; each runs a lab on their server.

It needs jupyterhub and configurable-http-proxy, which are in no extra of this package: install both
where the course is installed (`uv pip install jupyterhub`, `npm install configurable-http-proxy`),
with the proxy in PATH.
"""

import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROXY = shutil.which("configurable-http-proxy")
TOKEN = uuid.uuid4().hex
READY_S = 180
RUN_S = 600
ON_TOP = """
load_subconfig({ours!r})
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_port = {hub_port}
c.JupyterHub.db_url = "sqlite://"
c.JupyterHub.cookie_secret_file = "secret"
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api_port}"
c.ConfigurableHTTPProxy.pid_file = "proxy.pid"
c.JupyterHub.authenticator_class = "dummy"
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = {home!r} + "/{{username}}"
c.Spawner.environment.update(PYTHONPATH={root!r}, SCALETOOLKIT_DATA={data!r})
c.Spawner.environment.pop("SCALETOOLKIT_TURNS")
c.Spawner.args = [*c.Spawner.args, "--allow-root"]
c.JupyterHub.services = [{{"name": "teacher", "api_token": {token!r}}}]
c.JupyterHub.load_roles = [
    {{"name": "teaching", "services": ["teacher"],
      "scopes": ["admin:users", "admin:servers", "access:servers"]}}
]
"""

pytestmark = [
    pytest.mark.labs,
    pytest.mark.skipif(
        PROXY is None or importlib.util.find_spec("jupyterhub") is None,
        reason="jupyterhub or configurable-http-proxy is not installed",
    ),
]


def free_ports(count):
    """Ports that nobody has just now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@pytest.fixture
def hub(tmp_path):
    """The address of a hub that runs until the test ends; its users' homes are temporary."""
    port, hub_port, api_port = free_ports(3)
    text = ON_TOP.format(
        ours=str(ROOT / "classroom" / "jupyterhub_config.py"),
        port=port,
        hub_port=hub_port,
        api_port=api_port,
        home=str(tmp_path / "homes"),
        root=str(ROOT),
        data=os.environ.get("SCALETOOLKIT_DATA", str(tmp_path / "data")),
        token=TOKEN,
    )
    (tmp_path / "config.py").write_text(text)
    for user in ("anna", "ben"):
        (tmp_path / "homes" / user).mkdir(parents=True)
    command = [sys.executable, "-m", "jupyterhub", "-f", "config.py"]
    environment = os.environ | {"CLASS_USERS": "anna,ben"}
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield f"http://127.0.0.1:{port}"
    except BaseException:
        print((tmp_path / "log").read_text()[-3000:])
        raise
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def ask(address, method="GET", body=None):
    """What an API answers, as JSON; None where it has nothing to say."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"token {TOKEN}", "Content-Type": "application/json"}
    request = urllib.request.Request(address, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read() or "null")


def until(holds, seconds):
    """Wait until something holds, and return it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            found = holds()
        except OSError:
            found = None
        if found:
            return found
        time.sleep(0.5)
    raise TimeoutError("it took too long")


def run_in(server, code):
    """What code prints in a new kernel of a user's server."""
    import websocket  # jupyter_server brings it

    kernel = ask(f"{server}/api/kernels", "POST", {"name": "python3"})["id"]
    address = f"{server.replace('http', 'ws', 1)}/api/kernels/{kernel}/channels"
    message = {
        "header": {"msg_id": "run", "msg_type": "execute_request", "session": "test"},
        "parent_header": {},
        "metadata": {},
        "content": {"code": code, "silent": False},
        "channel": "shell",
    }
    headers = [f"Authorization: token {TOKEN}"]
    channels = websocket.create_connection(address, header=headers, timeout=RUN_S)
    channels.send(json.dumps(message))
    said = ""
    while True:
        answer = json.loads(channels.recv())
        if answer["parent_header"].get("msg_id") != "run":
            continue
        if answer["msg_type"] == "stream":
            said += answer["content"]["text"]
        if answer["msg_type"] == "execute_reply":
            channels.close()
            return said


LAB = """
import subprocess, sys
command = [sys.executable, "-m", "scaletoolkit", "run", "01", "--profile", "ci"]
print(subprocess.run(command, capture_output=True, text=True).stdout)
"""


def test_two_users_run_a_lab_each_on_their_server(hub):
    api = f"{hub}/hub/api"
    until(lambda: ask(f"{api}/"), READY_S)
    for user in ("anna", "ben"):
        ask(f"{api}/users/{user}/server", "POST", {})
    for user in ("anna", "ben"):
        until(lambda user=user: ask(f"{api}/users/{user}")["servers"][""]["ready"], READY_S)
    for user in ("anna", "ben"):
        said = run_in(f"{hub}/user/{user}", LAB)
        assert said.strip().endswith("done: 01_partitioning.ipynb"), said
