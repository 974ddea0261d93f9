import os
import pathlib
import signal
import subprocess
import sys
import threading

import pytest

from trackside.journal import reader, records
from trackside.journal.records import Console, Plot, Scalar
from trackside.journal.writer import JournalWriter

WRITE_THEN_HANG = """
import pathlib, sys
from trackside.journal.writer import JournalWriter
writer = JournalWriter(pathlib.Path(sys.argv[1]))
for step in range(int(sys.argv[2])):
    writer.scalar("loss", "train", step / 7, step)
print("written", flush=True)
sys.stdin.read()
"""


def read_all(folder):
    return [record for path in records.segments(folder) for record, _ in reader.read(path)]


def test_what_was_written_is_read_back(tmp_path):
    writer = JournalWriter(tmp_path)
    writer.scalar("loss", "train", 0.5, 3)
    writer.console("héllo\n", "error")
    writer.plot("curve", "a", '{"data": []}', 4)
    writer.close()

    scalar, line, plot = read_all(tmp_path)

    assert scalar == Scalar(scalar.at, "loss", "train", 3, 0.5)
    assert line == Console(line.at, "error", "héllo\n")
    assert plot == Plot(plot.at, "curve", "a", 4, '{"data": []}')
    assert scalar.at <= line.at <= plot.at


def test_every_record_survives_a_kill_after_the_last_call(tmp_path):
    child = subprocess.Popen(
        [sys.executable, "-c", WRITE_THEN_HANG, str(tmp_path), "20000"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout.readline() == b"written\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdin.close()
    child.stdout.close()

    assert [record.step for record in read_all(tmp_path)] == list(range(20000))


def test_a_torn_tail_ends_the_segment(tmp_path):
    writer = JournalWriter(tmp_path)
    writer.scalar("loss", "train", 0.5, 1)
    writer.scalar("loss", "train", 0.5, 2)
    writer.close()
    (path,) = records.segments(tmp_path)
    content = path.read_bytes()

    for cut in range(1, 30):
        path.write_bytes(content[:-cut])
        assert [record.step for record in read_all(tmp_path)] == [1]


def test_a_full_segment_is_followed_by_another(tmp_path):
    writer = JournalWriter(tmp_path)
    for step in range(20):
        writer.plot("curve", "a", "x" * (1 << 20), step)
    writer.close()

    assert len(records.segments(tmp_path)) == 3
    assert [record.step for record in read_all(tmp_path)] == list(range(20))


def test_a_record_larger_than_a_segment_is_kept(tmp_path):
    writer = JournalWriter(tmp_path)
    writer.console("x" * (9 << 20))
    writer.close()

    assert len(read_all(tmp_path)[0].text) == 9 << 20


def test_threads_share_a_writer(tmp_path):
    writer = JournalWriter(tmp_path)

    def report(name):
        for step in range(2000):
            writer.scalar("loss", name, 1.0, step)

    threads = [threading.Thread(target=report, args=(str(number),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()

    found = read_all(tmp_path)
    for number in range(4):
        assert [record.step for record in found if record.variant == str(number)] == list(range(2000))


def test_a_forked_child_writes_its_own_segment(tmp_path):
    writer = JournalWriter(tmp_path)
    writer.scalar("loss", "parent", 1.0, 0)
    child = os.fork()
    if not child:
        for step in range(100):
            writer.scalar("loss", "child", 1.0, step)
        os._exit(0)
    for step in range(1, 100):
        writer.scalar("loss", "parent", 1.0, step)
    os.waitpid(child, 0)
    writer.close()

    names = {path.name.split("-")[1] for path in records.segments(tmp_path)}
    found = read_all(tmp_path)
    assert names == {str(os.getpid()), str(child)}
    for variant in ("parent", "child"):
        assert [record.step for record in found if record.variant == variant] == list(range(100))


def test_a_full_disk_loses_records_and_counts_them_without_an_error(tmp_path):
    """A file size limit of the process stands for the full disk: both refuse the preallocation, then the write."""
    program = """
import pathlib, resource, signal, sys
from trackside.journal.writer import JournalWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
writer = JournalWriter(pathlib.Path(sys.argv[1]))
for step in range(1000):
    writer.scalar("loss", "train", 1.0, step)
print(writer.dropped)
"""
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)

    kept = read_all(tmp_path)
    assert [record.step for record in kept] == list(range(len(kept)))
    assert 10 < len(kept) < 1000
    assert int(done.stdout) == 1000 - len(kept)


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    writer = JournalWriter(tmp_path / "file" / "journal")

    writer.console("lost")
    writer.close()

    assert writer.dropped == 1


def test_text_that_utf8_cannot_carry_is_escaped(tmp_path):
    writer = JournalWriter(tmp_path)
    writer.console("name \udcff")
    writer.close()

    assert read_all(tmp_path)[0].text == "name \\udcff"


# A change of the format is a new number and a new file beside this one; old journals stay readable.
GOLDEN = pathlib.Path(__file__).with_name("format-1.journal")


def test_format_1_is_read_and_written_as_ever():
    known = [Scalar(1001, "loss", "train", 3, 0.5), Console(1002, "info", "höre\n"), Plot(1003, "curve", "a", -1, "{}")]

    assert [record for record, _ in reader.read(GOLDEN)] == known
    written = records.HEADER.pack(b"TRKJ", 1, 0, 1000) + b"".join(records.frame(records.encode(r)) for r in known)
    assert GOLDEN.read_bytes() == written + bytes(40)


def test_a_later_format_is_refused_by_name(tmp_path):
    path = tmp_path / "seg-1-1.journal"
    path.write_bytes(records.HEADER.pack(b"TRKJ", 2, 0, 1000))

    with pytest.raises(ValueError, match="format 2; this version reads format 1"):
        list(reader.read(path))
