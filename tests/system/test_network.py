"""What crosses a network, and how often: an agent on another host, and a platform with nothing to do."""

import os
import socketserver
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator

import pytest

from trackside.protocol.tasks import CreateTask, EnqueueTask, Script

pytestmark = pytest.mark.slow


@pytest.fixture
def other_host() -> Iterator[tuple[list[str], str]]:
    """A network namespace: the prefix of commands that run in it, and this host's address as seen from it."""
    if os.geteuid() != 0:
        pytest.fail("network namespaces need root")
    name = f"ts{uuid.uuid4().hex[:6]}"
    ours, theirs = f"{name}a", f"{name}b"

    def ip(*arguments: str) -> None:
        subprocess.run(["ip", *arguments], check=True)

    ip("netns", "add", name)
    try:
        ip("link", "add", ours, "type", "veth", "peer", "name", theirs, "netns", name)
        ip("addr", "add", "10.211.7.1/24", "dev", ours)
        ip("link", "set", ours, "up")
        ip("-n", name, "addr", "add", "10.211.7.2/24", "dev", theirs)
        ip("-n", name, "link", "set", theirs, "up")
        ip("-n", name, "link", "set", "lo", "up")
        yield ["ip", "netns", "exec", name], "10.211.7.1"
    finally:
        ip("netns", "del", name)


MAKE = """
from trackside import Task
task = Task.init("tests", "makes data", auto_resource_monitoring=False)
task.upload_artifact("data", {"rows": 3})
"""
READ = """
import os
from trackside import StorageManager, Task
task = Task.init("tests", "reads data")
args = {"url": ""}
task.connect(args)
assert "10.211.7.1" in args["url"], args
print("READ", open(StorageManager.get_local_copy(args["url"])).read())
"""


def test_an_agent_in_another_network_uses_the_url_that_a_local_run_wrote(place, other_host, tmp_path) -> None:
    prefix, address = other_host
    place.close()
    place.server_arguments = ["--host", "0.0.0.0"]
    place.start_server()
    place.run(str(place.script("make.py", MAKE)))
    (made,) = place.tasks("makes data")
    url = made.execution.artifacts[0].uri
    assert "127.0.0.1" in url
    from trackside.protocol.tasks import Parameter

    hyperparams = {"General": {"url": Parameter(value=url)}}
    reader = place.api.call(
        CreateTask(
            name="reads data", type="training", script=Script(diff=READ, entry_point="read.py"), hyperparams=hyperparams
        )
    ).id
    place.api.call(EnqueueTask(task=reader, queue="default"))
    import json

    keys = json.loads(place.run("-m", "trackside", "credentials", "create", "--json"))
    environment = place.environment | {
        "TRACKSIDE_HOME": str(tmp_path / "elsewhere"),
        "TRACKSIDE_API_HOST": f"http://{address}:{place.port}",
        "TRACKSIDE_API_ACCESS_KEY": keys["access_key"],
        "TRACKSIDE_API_SECRET_KEY": keys["secret_key"],
    }
    command = [*prefix, sys.executable, "-m", "trackside", "agent", "--queue", "default"]
    agent = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        from trackside.sdk import statuses

        done = statuses.wait_for(place.api, reader, {"completed"}, {"failed", "stopped"}, timeout=60)
    finally:
        agent.terminate()
        agent.wait()
    assert done.last_worker


class Counter(socketserver.ThreadingTCPServer):
    """Passes bytes on to the server, and counts the requests that go by."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port: int) -> None:
        self.port = port
        self.requests: list[str] = []
        super().__init__(("127.0.0.1", 0), Relay)


class Relay(socketserver.BaseRequestHandler):
    server: Counter

    def handle(self) -> None:
        import socket

        with socket.create_connection(("127.0.0.1", self.server.port)) as upstream:
            back = threading.Thread(target=self._copy, args=(upstream, self.request), daemon=True)
            back.start()
            while data := self.request.recv(65536):
                self.server.requests += [line.decode() for line in data.split(b"\r\n") if line.endswith(b" HTTP/1.1")]
                upstream.sendall(data)

    @staticmethod
    def _copy(source, target) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            return


@pytest.mark.full
def test_an_idle_agent_makes_at_most_one_request_in_twenty_seconds(place) -> None:
    """Two minutes by the clock: there is nothing to wait for but its passing."""
    with Counter(place.port) as counter:
        threading.Thread(target=counter.serve_forever, daemon=True).start()
        place.start_agent(TRACKSIDE_API_HOST=f"http://127.0.0.1:{counter.server_address[1]}")
        threading.Event().wait(10)
        before = len(counter.requests)
        threading.Event().wait(120)
        made = counter.requests[before:]
        counter.shutdown()
    assert len(made) <= 0.05 * 120, made
