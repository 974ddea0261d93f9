import pytest

from trackside import errors
from trackside.client import connect
from trackside.client.api import Api, Credentials
from trackside.client.transport import HttpTransport
from trackside.protocol import tasks
from trackside.settings import Settings

ACCESS, SECRET = "ACCESSKEY", "a-secret"


def api_of(small_server, **options) -> Api:
    options.setdefault("patience", 5.0)
    return Api(HttpTransport(small_server.url), Credentials(ACCESS, SECRET), **options)


def test_the_first_call_logs_in_by_proof_and_later_ones_use_the_token(small_server):
    api = api_of(small_server)

    first = api.call(tasks.GetTask(task="a"))
    api.call(tasks.GetTask(task="b"))

    assert first.task.name == "found"
    paths = [path for path, _, _ in small_server.seen]
    assert paths == ["/auth.challenge", "/auth.prove", "/tasks.get_by_id", "/tasks.get_by_id"]
    assert small_server.seen[-1][1] == "Bearer token-1"


def test_a_server_that_cannot_prove_itself_gets_no_request(small_server):
    small_server.secret, small_server.checks_proofs = "another", False

    with pytest.raises(errors.Unauthorized, match="cannot prove"):
        api_of(small_server).call(tasks.GetTask(task="a"))

    assert all("tasks." not in path for path, _, _ in small_server.seen)


def test_the_secret_is_never_sent(small_server):
    api_of(small_server).call(tasks.GetTask(task="a"))

    assert all(SECRET not in str(seen) for seen in small_server.seen)


def test_a_refused_token_is_replaced_once(small_server):
    api = api_of(small_server, token="old")
    small_server.refused.add("Bearer old")

    api.call(tasks.GetTask(task="a"))

    assert [token for path, token, _ in small_server.seen if "tasks." in path] == ["Bearer old", "Bearer token-1"]


def test_a_refused_token_without_credentials_is_an_error(small_server):
    small_server.refused.add("Bearer old")
    api = Api(HttpTransport(small_server.url), token="old")

    with pytest.raises(errors.Unauthorized, match="expired"):
        api.call(tasks.GetTask(task="a"))


def test_the_client_raises_the_error_the_server_raised(small_server):
    with pytest.raises(errors.InvalidId, match="no such task") as caught:
        api_of(small_server).call(tasks.GetTask(task="missing"))

    assert caught.value.details == {"task": "missing"}
    assert caught.value.subcode == 101


def test_a_reading_call_survives_lost_connections(small_server):
    api = api_of(small_server)
    api.token()
    small_server.drops = 2

    assert api.call(tasks.GetTask(task="a")).task.id == "a"


def test_a_call_that_must_not_be_repeated_is_sent_once(small_server):
    api = api_of(small_server)
    api.token()
    small_server.drops = 1

    with pytest.raises(errors.ServerUnavailable):
        api.call(tasks.CreateTask(name="no id of its own", type="training"))

    assert sum("tasks.create" in path for path, _, _ in small_server.seen) == 1


def test_a_server_that_is_away_is_given_up_on_after_the_patience():
    gone = HttpTransport("http://127.0.0.1:9")

    with pytest.raises(errors.ServerUnavailable, match="no server answers at"):
        Api(gone, token="t", patience=0.2).call(tasks.GetTask(task="a"))


def test_without_a_server_in_the_settings_the_message_says_what_to_set(tmp_path):
    with pytest.raises(errors.UsageError, match="TRACKSIDE_API_HOST"):
        connect(Settings(home=tmp_path, worker="w"))
