"""A stand-in server with state, over real HTTP: enough of tasks, leases and events for one supervisor."""

import http.server
import json
import threading

import msgspec

from trackside import errors
from trackside.protocol import base, events, queues, tasks


class LeaseServer:
    """Holds one leased task. Tests read what it was told, and set what it answers."""

    def __init__(self, script: tasks.Script):
        self.script = script
        self.console = []
        self.started = threading.Event()
        self.ended = threading.Event()
        self.end = None
        self.away = threading.Event()
        self.stop_asked = threading.Event()
        self.lost = False
        self.renewals = 0
        self.seen = threading.Condition()
        self._news = threading.Event()
        self._http = None

    lease = queues.Lease(
        id="lease1", task="task1", queue="default", attempt=1, token="token1", type="training", expires_in=30.0
    )

    def stop(self):
        self.stop_asked.set()
        self._news.set()

    def lose(self):
        self.lost = True
        self._news.set()

    def call(self, request, **_options):
        if self.away.is_set():
            raise errors.ServerUnavailable("away", sent=False)
        return getattr(self, "_" + type(request).__name__)(request)

    def wait_for_console(self, text):
        with self.seen:
            assert self.seen.wait_for(lambda: any(text in line for line in self.console), 20), self.console

    def _GetTask(self, request):  # noqa: N802
        return tasks.TaskReply(task=tasks.Task(id=request.task, script=self.script))

    def _StartLease(self, _request):  # noqa: N802
        self.started.set()
        return base.Empty()

    def _RenewLease(self, request):  # noqa: N802
        self.renewals += 1
        self._news.wait(request.wait_sec)
        if self.lost:
            return queues.LeaseState(held=False, reason="reset")
        return queues.LeaseState(held=True, stop=self.stop_asked.is_set(), reason="asked by a test")

    def _EndLease(self, request):  # noqa: N802
        self.end = request
        self._news.set()
        self.ended.set()
        return base.Empty()

    def _AppendEvents(self, request):  # noqa: N802
        with self.seen:
            self.console += [line.msg for line in request.console or []]
            self.seen.notify_all()
        return events.Appended(sequence=request.sequence)

    # over HTTP

    def listen(self):
        served = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                kinds = {kind.endpoint: kind for kind in KINDS}
                request = msgspec.json.decode(body, type=kinds[self.path.strip("/")])
                meta, data = {"result_code": 200, "result_subcode": 0, "result_msg": "OK"}, {}
                try:
                    data = msgspec.to_builtins(served.call(request))
                except errors.TracksideError as error:
                    meta = {"result_code": error.status, "result_subcode": error.subcode, "result_msg": str(error)}
                reply = json.dumps({"meta": meta, "data": data}).encode()
                self.send_response(meta["result_code"])
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, *_arguments):
                pass

        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self._http.server_port}"

    def close(self):
        self._news.set()
        if self._http is not None:
            self._http.shutdown()
            self._http.server_close()


KINDS = [
    tasks.GetTask,
    queues.StartLease,
    queues.RenewLease,
    queues.EndLease,
    events.AppendEvents,
]
