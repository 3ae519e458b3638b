"""Reads segments back: what an earlier process left, and the next records of one. What is damaged is told and kept."""

from runtime import logs
from runtime.spool import record
from runtime.spool.folder import Folder, Segment, told

_READ_BYTES = 4 << 20


def recover(folder: Folder) -> tuple[list[Segment], int]:
    """The segments that hold something, and how many of them were torn: only the newest can have been."""
    segments, torn = folder.segments(), 0
    for newest in segments[-1:]:
        with told(folder.path):
            pieces = list(record.scan(newest.seed, newest.read(0, newest.used)))
        tail = pieces[-1] if pieces else None
        end = pieces[-1].end if pieces else 0
        if isinstance(tail, record.Damage):
            end, torn = tail.start, 1
            logs.error(
                "a torn record is cut off the spool", file=newest.path.name, bytes=tail.end - tail.start
            )
        folder.cut(newest, end)
    for empty in [each for each in segments if not each.used]:
        folder.remove(empty)
        segments.remove(empty)
    return segments, torn


def last_sequence(folder: Folder, segments: list[Segment]) -> int:
    """Of the newest segment; 0 if there is none."""
    if not segments:
        return 0
    newest = segments[-1]
    with told(folder.path):
        found = list(record.scan(newest.seed, newest.read(0, newest.used)))
    sequences = [each.record.sequence for each in found if isinstance(each, record.Found)]
    return max(sequences, default=newest.first - 1)


def read(
    folder: Folder, segment: Segment, start: int, end: int, records_max: int
) -> tuple[list[record.Found], int]:
    """At most so many records, and from where to go on; no record is damage, or room that was never written."""
    with told(folder.path):
        data = segment.read(start, min(_READ_BYTES, end - start))
        if record.wanted_bytes(data, 0) > len(data):
            data = segment.read(start, end - start)
    found, place = list[record.Found](), 0
    while len(found) < records_max and (each := record.decode(segment.seed, data, place)):
        found.append(record.Found(each.record, start + each.end))
        place = each.end
    return (found, start + place) if found else ([], _behind(folder, segment, start, end))


def _behind(folder: Folder, segment: Segment, start: int, end: int) -> int:
    """Where to go on when no record begins here."""
    with told(folder.path):
        piece = next(record.scan(segment.seed, segment.read(start, end - start)), None)
    if not isinstance(piece, record.Damage):
        return end
    segment.damages += 1
    logs.error(
        "a part of the spool is damaged and set aside",
        file=segment.path.name,
        start=start,
        bytes=piece.end - piece.start,
    )
    return start + piece.end
