"""How a record lies in a segment: a mark, its length, a checksum, its kind, sequence and time, and then JSON.

Pure. The mark begins with a byte that no UTF-8 text holds, so after damage the next record is found by searching for
it. The checksum begins with the spool's id: what another spool left on the disk is never taken for a record of this.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from runtime.domain.observation import PAYLOAD_BYTES_MAX, Kind, Record

MARK = b"\xf5hf1"
# Payload length and checksum; then what the checksum covers besides the payload and its length.
_FRAME = struct.Struct("<4sII")
_FACTS = struct.Struct("<IBQq")
_LENGTH = struct.Struct("<I")
HEAD_BYTES = _FRAME.size + _FACTS.size - _LENGTH.size
RECORD_BYTES_MAX = HEAD_BYTES + PAYLOAD_BYTES_MAX
_KINDS = {int(kind): kind for kind in Kind}


@dataclass(frozen=True, slots=True)
class Found:
    """A record and where the next one begins."""

    record: Record
    end: int


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes that were written and are no record."""

    start: int
    end: int


def seed_of(spool_id: UUID) -> int:
    return zlib.crc32(spool_id.bytes)


def encode(seed: int, record: Record) -> bytes:
    facts = _FACTS.pack(len(record.payload), record.kind, record.sequence, record.at_us)
    checksum = zlib.crc32(record.payload, zlib.crc32(facts, seed))
    return b"".join(
        (MARK, facts[: _LENGTH.size], _LENGTH.pack(checksum), facts[_LENGTH.size :], record.payload)
    )


def decode(seed: int, data: bytes, start: int) -> Found | None:
    """The record that begins here, or None if what stands here is none, or not all of it."""
    body = start + HEAD_BYTES
    if len(data) < body or data[start : start + len(MARK)] != MARK:
        return None
    _, length, checksum = _FRAME.unpack_from(data, start)
    end = body + length
    if length > PAYLOAD_BYTES_MAX or end > len(data):
        return None
    payload = data[body:end]
    facts = data[start + len(MARK) : start + len(MARK) + _LENGTH.size] + data[start + _FRAME.size : body]
    if zlib.crc32(payload, zlib.crc32(facts, seed)) != checksum:
        return None
    _, kind, sequence, at_us = _FACTS.unpack(facts)
    known = _KINDS.get(kind)
    return None if known is None else Found(Record(sequence, known, at_us, payload), end)


def wanted_bytes(data: bytes, start: int) -> int:
    """How much of the segment a record that begins here claims to need; 0 if none begins here."""
    if data[start : start + len(MARK)] != MARK or len(data) - start < HEAD_BYTES:
        return 0
    length: int = _FRAME.unpack_from(data, start)[1]
    return HEAD_BYTES + length if length <= PAYLOAD_BYTES_MAX else 0


def scan(seed: int, data: bytes, start: int = 0) -> Iterator[Found | Damage]:
    """Everything from here to the end, in order. Zeros that nothing follows are room, not damage."""
    while start < len(data):
        found = decode(seed, data, start)
        if found is not None:
            yield found
            start = found.end
            continue
        following = _next_record(seed, data, start)
        end = len(data.rstrip(b"\0")) if following is None else following
        if end > start:
            yield Damage(start, end)
        if following is None:
            return
        start = following


def _next_record(seed: int, data: bytes, start: int) -> int | None:
    place = data.find(MARK, start + 1)
    while place >= 0 and decode(seed, data, place) is None:
        place = data.find(MARK, place + 1)
    return place if place >= 0 else None
