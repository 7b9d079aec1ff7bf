"""Trace files: one JSON document a line. The header, the entries in their order, and a last line that counts them.

The last line is what tells a whole trace from one whose writer was killed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from conformance.errors import TraceError, Unwritable, refused
from conformance.received import opened
from conformance.trace.entries import Entry, Header

FORMAT = 1
#: Bytes of a line: some times what etcd takes for an object. A longer one is cut there, and damaged for that reason.
LONGEST = 16 << 20

_ENCODER = msgspec.json.Encoder()
_HEADER = msgspec.json.Decoder(Header)
_ENTRY = msgspec.json.Decoder(Entry)


class _End(msgspec.Struct, forbid_unknown_fields=True):
    entries: int


_END = msgspec.json.Decoder(_End)
_END_START = b'{"entries":'


class Writer:
    """A trace file in the making: `FILE.partial` grows with the run, and becomes FILE when the trace is complete.

    Every method but `discard` raises Unwritable when the disk does not take it.
    """

    def __init__(self, file: Path, header: Header) -> None:
        self.file = file
        self.partial = partial_of(file)
        self._count = 0
        with self._writing():
            file.parent.mkdir(parents=True, exist_ok=True)
            self._out: BinaryIO = self.partial.open("wb")
        self._write(_ENCODER.encode(header) + b"\n")

    def append(self, entry: Entry) -> None:
        """Add the next entry."""
        self._write(_ENCODER.encode(entry) + b"\n")
        self._count += 1

    def flush(self) -> None:
        """Hand everything to the operating system, so that it outlives this process."""
        with self._writing():
            self._out.flush()

    def finish(self) -> None:
        """Complete the trace and give it its name."""
        self._write(_ENCODER.encode(_End(self._count)) + b"\n")
        with self._writing():
            self._out.close()
            self.partial.replace(self.file)

    def discard(self) -> None:
        """Close and remove what was written so far."""
        with contextlib.suppress(OSError):  # what is still in the buffer may not fit
            self._out.close()
        with contextlib.suppress(OSError):
            self.partial.unlink(missing_ok=True)

    def _write(self, line: bytes) -> None:
        try:  # no context manager here: this is done for every event
            self._out.write(line)
        except OSError as error:
            raise unwritable(self.file, error) from error

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise unwritable(self.file, error) from error


def unwritable(file: Path, error: OSError) -> Unwritable:
    """What to say when a trace cannot be written."""
    return Unwritable(
        f"The trace {file} cannot be written ({refused(error)}). Mend the permissions of its folder, free some space there, or name "
        "another folder with --report; leave it there until the run has ended."
    )


def partial_of(file: Path) -> Path:
    """Where the trace is kept while its run lasts."""
    return file.with_name(file.name + ".partial")


def write(file: Path, header: Header, entries: Iterable[Entry]) -> None:
    """Write a whole trace; the file is there completely or not at all."""
    writer = Writer(file, header)
    try:
        for entry in entries:
            writer.append(entry)
    except BaseException:
        writer.discard()
        raise
    writer.finish()


def read(file: Path) -> tuple[Header, Iterator[Entry]]:
    """The header and the entries of a trace file.

    The iterator raises TraceError where the file stops being a trace; what it yielded until then is good.
    """
    try:
        lines = opened(file)
    except OSError as error:
        raise TraceError(f"the trace {file} cannot be opened ({error.strerror or error}); check its path") from error
    try:
        header = _header(file, lines.readline(LONGEST))
    except BaseException:
        lines.close()
        raise
    return header, _entries(file, lines)


@contextlib.contextmanager
def understood(file: Path) -> Iterator[None]:
    """What goes wrong meanwhile with the entries of `file` becomes a TraceError that names it: anybody may have written them."""
    try:
        yield
    except TraceError as error:
        raise error if str(file) in str(error) else TraceError(f"{file}: {error}") from error
    except (LookupError, TypeError, ValueError, AttributeError, AssertionError, ArithmeticError, RecursionError) as error:
        raise TraceError(
            f"the entries of {file} do not fit together ({type(error).__name__}: {error}). "
            "Give a file that a run wrote below its report folder, or run the scenario again"
        ) from error


def _header(file: Path, line: bytes) -> Header:
    try:
        header = _HEADER.decode(line)
    except (msgspec.DecodeError, RecursionError) as error:
        raise TraceError(
            f"{file}, line 1, is not the header of a trace ({error}); no entry could be read. "
            "Give a file that a run wrote below its report folder, or run the scenario again"
        ) from error
    if header.format != FORMAT:
        raise TraceError(
            f"{file} is a trace of format {header.format}, and this version reads format {FORMAT}; "
            "read it with the version that wrote it, or run the scenario again"
        )
    return header


def _entries(file: Path, lines: BinaryIO) -> Iterator[Entry]:
    count = 0
    decode = _ENTRY.decode
    with lines:
        for line in iter(lambda: lines.readline(LONGEST), b""):
            if line.startswith(_END_START):
                _check_end(file, line, count)
                if lines.read(1):
                    raise _damaged(file, count, "there is more after the last line")
                return
            try:
                entry = decode(line)
            except (msgspec.DecodeError, RecursionError) as error:
                raise _damaged(file, count, str(error)) from error
            yield entry
            count += 1
    raise TraceError(
        f"{file} ends at line {count + 1} without the line that counts its entries: its run was killed, or the file was cut. "
        f"{count} entries could be read; use them with care, or run the scenario again"
    )


def _check_end(file: Path, line: bytes, count: int) -> None:
    try:
        end = _END.decode(line)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _damaged(file, count, str(error)) from error
    if end.entries != count:
        raise _damaged(file, count, f"it counts {end.entries} entries, and {count} are there")


def _damaged(file: Path, count: int, why: str) -> TraceError:
    return TraceError(
        f"{file}, line {count + 2}, is damaged ({why}). {count} entries could be read before it; "
        "fetch the file again, or run the scenario again"
    )
