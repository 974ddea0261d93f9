import io
import socket
import threading

import pytest

from trackside.client.transport import HttpTransport
from trackside.errors import ServerUnavailable, UsageError


def test_a_connection_is_kept_for_the_next_request(small_server):
    transport = HttpTransport(small_server.url)

    for _ in range(3):
        transport.send("POST", "/tasks.get_by_id", {}, b"{}", 5)

    assert len({port for _, _, port in small_server.seen}) == 1


def test_threads_do_not_share_a_connection_at_one_time(small_server):
    transport = HttpTransport(small_server.url)
    answers = []

    def send() -> None:
        answers.extend(transport.send("POST", "/tasks.get_by_id", {}, b"{}", 5).status for _ in range(20))

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [200] * 80


def test_the_path_prefix_of_the_base_url_is_kept(small_server):
    HttpTransport(f"{small_server.url}/some/prefix/").send("POST", "/tasks.get_by_id", {}, b"{}", 5)

    assert small_server.seen[0][0] == "/some/prefix/tasks.get_by_id"


def test_an_idle_connection_the_server_closed_is_replaced():
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for _ in range(2):
            connection, _address = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    thread = threading.Thread(target=serve)
    thread.start()
    transport = HttpTransport(f"http://127.0.0.1:{listener.getsockname()[1]}")

    first = transport.send("GET", "/", {}, None, 5)
    second = transport.send("GET", "/", {}, None, 5)

    thread.join()
    listener.close()
    assert (first.body, second.body) == (b"ok", b"ok")


def test_nobody_listening_is_told_apart_from_a_broken_reply(small_server):
    with pytest.raises(ServerUnavailable) as away:
        HttpTransport("http://127.0.0.1:9").send("GET", "/", {}, None, 5)
    small_server.drops = 1
    with pytest.raises(ServerUnavailable) as broken:
        HttpTransport(small_server.url).send("POST", "/tasks.get_by_id", {}, b"{}", 5)

    assert (away.value.details["sent"], broken.value.details["sent"]) == (False, True)


def test_a_body_that_is_cut_off_is_no_answer(small_server):
    small_server.files["/files/a"], small_server.cut = b"0123456789", 4

    with pytest.raises(ServerUnavailable):
        HttpTransport(small_server.url).send("GET", "/files/a", {}, None, 5, io.BytesIO())


def test_an_address_that_is_no_url_is_refused():
    with pytest.raises(UsageError, match="http://host:port"):
        HttpTransport("localhost:8008")
