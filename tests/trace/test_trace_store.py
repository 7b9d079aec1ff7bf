"""Trace files: whole, cut, damaged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from conformance.errors import TraceError
from conformance.trace.entries import Entry, Header
from conformance.trace.store import Writer, partial_of, read, write

HEADER = Header(format=1, scenario="P01", node_id="test_x", kubernetes="v1.37.1", cluster="embedded", audited=True)
ENTRIES = [
    Entry(1, 0.0, "added", "pods", 5, msgspec.Raw(b'{"metadata":{"name":"a","unknown":{"deep":[1,2]}}}')),
    Entry(2, 0.25, "gap", "pods", 6, detail={"since": 5, "until": 9, "reason": "410"}),
    Entry(3, 0.5, "end"),
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "deep" / "trace.jsonl"
    write(file, HEADER, ENTRIES)
    return file


def test_round_trip(file: Path) -> None:
    header, entries = read(file)
    assert header == HEADER
    got = list(entries)
    assert got == ENTRIES
    assert got[0].raw() == {"metadata": {"name": "a", "unknown": {"deep": [1, 2]}}}
    assert not partial_of(file).exists()


def test_a_running_writer_leaves_a_readable_prefix(tmp_path: Path) -> None:
    file = tmp_path / "trace.jsonl"
    writer = Writer(file, HEADER)
    writer.append(ENTRIES[0])
    writer.flush()
    header, entries = read(partial_of(file))
    assert header == HEADER
    assert next(entries) == ENTRIES[0]
    with pytest.raises(TraceError, match=r"ends at line 2 without .* 1 entries could be read"):
        next(entries)
    writer.discard()
    assert list(tmp_path.iterdir()) == []


def take_all(entries: Iterator[Entry], taken: list[Entry]) -> None:
    for entry in entries:
        taken.append(entry)  # noqa: PERF402 - extend() would lose what came before an error


@pytest.mark.parametrize(
    ("lines", "good", "message"),
    [
        (
            lambda lines: lines[:-1],
            3,
            r"ends at line 4 without the line that counts its entries.* 3 entries could be read; .* run the scenario again",
        ),
        (
            lambda lines: [*lines[:2], lines[2][:20]],
            1,
            r"line 3, is damaged \(.*\)\. 1 entries could be read before it; fetch the file again",
        ),
        (lambda lines: [*lines[:2], b"rubbish\n", *lines[2:]], 1, r"line 3, is damaged"),
        (lambda lines: [*lines[:2], *lines[3:]], 2, r"line 4, is damaged \(it counts 3 entries, and 2 are there\)"),
        (lambda lines: [*lines, lines[1]], 3, r"there is more after the last line"),
    ],
)
def test_damage_is_named_and_the_prefix_is_good(file: Path, lines: Callable[[list[bytes]], list[bytes]], good: int, message: str) -> None:
    changed = lines(file.read_bytes().splitlines(keepends=True))
    file.write_bytes(b"".join(changed))
    _, entries = read(file)
    got: list[Entry] = []
    with pytest.raises(TraceError, match=message) as caught:
        take_all(entries, got)
    assert len(got) == good
    assert str(file) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "line 1, is not the header"),
        (b"not json\n", "line 1, is not the header"),
        (b'{"format":9,"scenario":"","node_id":"","kubernetes":"","cluster":""}\n', "format 9, and this version reads format 1"),
    ],
)
def test_files_that_are_no_traces(tmp_path: Path, text: bytes, message: str) -> None:
    file = tmp_path / "x"
    file.write_bytes(text)
    with pytest.raises(TraceError, match=message):
        read(file)
    with pytest.raises(TraceError, match="cannot be opened"):
        read(tmp_path / "none")


def test_a_failing_source_leaves_no_file(tmp_path: Path) -> None:
    def source() -> Iterator[Entry]:
        yield ENTRIES[0]
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write(tmp_path / "t", HEADER, source())
    assert list(tmp_path.iterdir()) == []
