"""What the InfluxDB adapter does beyond the port: its text, and what it makes of the server's answers."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import msgspec
import pytest

from core.config.models import InfluxStore
from core.errors import ConfigError, StoreError
from stores.columns import columns_of
from stores.faults import StoreRefusedError
from stores.influx import InfluxReadingStore
from stores.influx_lines import LineWriter, quote_name, quote_string
from tests.servers.influxdb import InfluxServer

POINT = "torino/calvino/electricity"
ROWS = [(POINT, 1_700_000_000_000, 1.5, 0), ("torino/calvino/hall/co2", 1_700_000_000_001, 400, 65)]


class Listener(BaseHTTPRequestHandler):
    """Stands for a server of any version: remembers requests and answers as told."""

    answers: ClassVar[list[tuple[int, bytes]]] = []
    requests: ClassVar[list[tuple[str, dict[str, str], bytes]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.requests.append((self.path, dict(self.headers), body))
        status, answer = self.answers.pop(0) if self.answers else (204, b"")
        self.send_response(status, "told")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST  # noqa: N815 - http.server names it

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    Listener.answers.clear(), Listener.requests.clear()
    server = HTTPServer(("127.0.0.1", 0), Listener)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_lines_have_sorted_tags_float_values_and_millisecond_times() -> None:
    assert LineWriter("reading").lines(columns_of(ROWS)) == (
        "reading,building=torino/calvino,point=torino/calvino/electricity,site=torino"
        " value=1.5,quality=0i 1700000000000\n"
        "reading,building=torino/calvino,point=torino/calvino/hall/co2,site=torino"
        " value=400.0,quality=65i 1700000000001\n"
    )


def test_measurement_is_escaped() -> None:
    assert LineWriter("my reading,x").lines(columns_of(ROWS[:1])).startswith(r"my\ reading\,x,building=")


@pytest.mark.parametrize(
    ("text", "string", "name"),
    [
        ("a", "'a'", '"a"'),
        ("a'b", r"'a\'b'", '"a\'b"'),
        ('a"b', "'a\"b'", r'"a\"b"'),
        ("a\\", r"'a\\'", r'"a\\"'),
        ("a\nb", r"'a\nb'", r'"a\nb"'),
    ],
)
def test_text_is_quoted_for_queries(text: str, string: str, name: str) -> None:
    assert (quote_string(text), quote_name(text)) == (string, name)


@pytest.mark.parametrize(
    ("write_path", "path"),
    [
        ("v2", "/api/v2/write?org=city&bucket=energy&precision=ms"),
        ("v1", "/write?db=energy&precision=ms"),
    ],
)
def test_a_batch_is_one_compressed_request_with_the_token(url: str, write_path: str, path: str, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("of-the-file\n")
    settings = InfluxStore(url=url, database="energy", org="city", token_file=str(token), write_path=write_path)  # type: ignore[arg-type]  # one of the two
    with InfluxReadingStore(settings) as store:
        store.write(ROWS)
    ((requested, headers, body),) = Listener.requests
    assert requested == path
    assert headers["Content-Encoding"] == "gzip"
    assert headers["Authorization"] == "Token of-the-file"
    assert gzip.decompress(body).decode() == LineWriter("reading").lines(columns_of(ROWS))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, StoreRefusedError),
        (401, StoreRefusedError),
        (404, StoreRefusedError),
        (408, StoreError),
        (429, StoreError),
        (500, StoreError),
        (503, StoreError),
    ],
)
@pytest.mark.parametrize("write_path", ["v1", "v2"])
def test_an_answer_that_is_no_success_is_an_error_with_its_words(
    url: str, status: int, kind: type, write_path: str
) -> None:
    with InfluxReadingStore(InfluxStore(url=url, token="secret", write_path=write_path)) as store:  # type: ignore[arg-type]  # one of the two
        for call in (lambda: store.write(ROWS), store.latest):
            Listener.answers.append((status, msgspec.json.encode({"error": "partial write: field type conflict"})))
            with pytest.raises(StoreError, match="field type conflict") as caught:
                call()
            assert type(caught.value) is kind
            assert "secret" not in str(caught.value)


@pytest.mark.parametrize("answer", [b"", b"<html>", b'{"results": 3}'])
def test_an_answer_that_is_no_answer_is_a_store_error(url: str, answer: bytes) -> None:
    with InfluxReadingStore(InfluxStore(url=url)) as store:
        Listener.answers.append((200, answer))
        with pytest.raises(StoreError, match=url):
            store.points()


def test_nobody_listening_is_a_store_error() -> None:
    with InfluxReadingStore(InfluxStore(url="http://127.0.0.1:9", timeout_s=1)) as store:
        with pytest.raises(StoreError, match=r"127\.0\.0\.1:9"):
            store.write(ROWS)
        with pytest.raises(StoreError, match=r"127\.0\.0\.1:9"):
            store.points()


def test_a_missing_token_file_is_named() -> None:
    with pytest.raises(ConfigError, match="no-such-token"):
        InfluxReadingStore(InfluxStore(token_file="no-such-token"))


@pytest.mark.system
def test_a_missing_database_is_refused_in_the_servers_words(tmp_path: Path) -> None:
    with InfluxServer(tmp_path) as server, InfluxReadingStore(InfluxStore(url=server.url, database="none")) as store:
        with pytest.raises(StoreRefusedError, match="database not found"):
            store.write(ROWS)
        with pytest.raises(StoreRefusedError, match="database not found"):
            store.points()


@pytest.mark.system
def test_acknowledged_readings_survive_a_kill_of_the_server(tmp_path: Path) -> None:
    with InfluxServer(tmp_path) as server, InfluxReadingStore(server.database()) as store:
        store.write(ROWS)
        server.kill()
        with pytest.raises(StoreError) as caught:
            store.write(ROWS)
        assert not isinstance(caught.value, StoreRefusedError)
        server.restart()
        store.write(ROWS[:1])
        assert store.points() == sorted(row[0] for row in ROWS)
        assert store.read(POINT, 0, 2 * 10**12).value.tolist() == [1.5]
