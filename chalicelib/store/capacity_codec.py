"""The stored form of a region's records of capacity: compact JSON, compressed, of a limited size."""

import json
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.offers.capacity_record import CapacityRecord, Result, Tally, TriedHour
from chalicelib.domain.offers.region_capacity import MAX_ANSWER_IDS, CapacityKey, RegionCapacity

MAX_ITEM_BYTES = 400 * 1024
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""

ID_BYTES = 20
"""An id in JSON: 16 digits, two quotes, a comma; and one to spare."""

OTHER_BYTES = 2 * 1024
"""Key, version, expiry and the names of all attributes: under 200 bytes."""

MAX_RECORD_BYTES = MAX_ITEM_BYTES - OTHER_BYTES - MAX_ANSWER_IDS * ID_BYTES
"""The limit for the JSON of all records. Compression makes it smaller; but how much depends on the records."""

WEIGHT_DIGITS = 3

SECONDS_PER_HOUR = 3600

LETTERS = {Result.LAUNCHED: "L", Result.REFUSED: "R"}
RESULTS = {letter: result for result, letter in LETTERS.items()}


def encode_capacity(capacity: RegionCapacity, max_record_bytes: int = MAX_RECORD_BYTES) -> bytes:
    """Return the records as compressed JSON, without those with the oldest last result if all do not fit."""
    texts, size = [], 0
    for key in sorted(capacity.records, key=lambda each: (-_get_last(capacity.records[each]), each)):
        text = f"{_dump('/'.join(key))}:{_dump(_encode_record(capacity.records[key]))}"
        size += len(text) + 1
        if size > max_record_bytes:
            break
        texts.append(text)
    document = f'{{"ids":{_dump(capacity.answer_ids)},"records":{{{",".join(texts)}}}}}'
    return zlib.compress(document.encode(), level=9)


def decode_capacity(content: bytes) -> RegionCapacity:
    """Return the records of compressed JSON.

    :raises ValueError: the content is not in the form of this module
    """
    try:
        document = json.loads(zlib.decompress(content))
        records = {_decode_key(key): _decode_record(raw) for key, raw in document["records"].items()}
        return RegionCapacity(records, tuple(map(str, document["ids"])))
    except (zlib.error, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"the records of capacity are in another form: {error}") from error


def _encode_record(record: CapacityRecord) -> Mapping[str, Any]:
    """Return a record as JSON. Times are seconds, because the shortest time that matters is 3 minutes."""
    tallies = {
        str(hour): [round(tally.launched, WEIGHT_DIGITS), round(tally.refused, WEIGHT_DIGITS), _to_seconds(tally.at)]
        for hour, tally in record.tallies.items()
    }
    fields = {
        "tallies": tallies,
        "recent": "".join(LETTERS[result] for result in record.recent),
        "refused_in_a_row": record.refused_in_a_row,
        "refused_at": _to_seconds(record.last_refused_at) if record.last_refused_at else None,
        "launched_at": _to_seconds(record.last_launched_at) if record.last_launched_at else None,
        "hours": [[_to_seconds(hour.at) // SECONDS_PER_HOUR, int(hour.has_refusal)] for hour in record.tried_hours],
    }
    return {name: value for name, value in fields.items() if value}


def _decode_record(raw: Mapping[str, Any]) -> CapacityRecord:
    return CapacityRecord(
        tallies={
            int(hour): Tally(float(row[0]), float(row[1]), _to_time(row[2]))
            for hour, row in raw.get("tallies", {}).items()
        },
        recent=tuple(RESULTS[letter] for letter in raw.get("recent", "")),
        refused_in_a_row=int(raw.get("refused_in_a_row", 0)),
        last_refused_at=_to_time(raw["refused_at"]) if "refused_at" in raw else None,
        last_launched_at=_to_time(raw["launched_at"]) if "launched_at" in raw else None,
        tried_hours=tuple(
            TriedHour(_to_time(number * SECONDS_PER_HOUR), bool(has_refusal))
            for number, has_refusal in raw.get("hours", ())
        ),
    )


def _decode_key(text: str) -> CapacityKey:
    instance_type, zone, market = text.split("/")
    return CapacityKey(instance_type, zone, Market(market))


def _get_last(record: CapacityRecord) -> int:
    """Return the time of the last result in seconds. Each result is in a tally, hints included."""
    return max((_to_seconds(tally.at) for tally in record.tallies.values()), default=0)


def _to_seconds(at: datetime) -> int:
    return int(at.timestamp())


def _to_time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _dump(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
