"""Writes tests/gold/columnar: Parquet files by pyarrow in every encoding and codec that wagle reads, Arrow files of every type, and
their rows as JSON Lines.

    python3 tests/gold/make/columnar.py tests/gold/columnar"""
import datetime, decimal, json, math, os, random, shutil, sys

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq


def shown(value, kind):
    """A value as wagle has it: the form of JSON Lines, or what stands for a value that is not read."""
    refused = ((pa.types.is_decimal, "a decimal"), (pa.types.is_date, "a date"), (pa.types.is_timestamp, "a timestamp"),
               (pa.types.is_time, "a time"), (pa.types.is_float16, "float16"), (pa.types.is_fixed_size_binary, "bytes of fixed length"),
               (pa.types.is_duration, "a duration"), (pa.types.is_interval, "an interval"))
    if value is None:
        return None
    for test, words in refused:
        if test(kind):
            return {"not read": words}
    if pa.types.is_dictionary(kind):
        return shown(value, kind.value_type)
    if pa.types.is_struct(kind):
        return {f.name: shown(value[f.name], f.type) for f in kind}
    if pa.types.is_map(kind):
        return [{"key": shown(k, kind.key_type), "value": shown(v, kind.item_type)} for k, v in value]
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return [shown(v, kind.value_type) for v in value]
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"not read": "bytes that are not UTF-8 text"}
    if isinstance(value, float) and not math.isfinite(value):
        return {}
    if isinstance(value, int) and value >= 1 << 63:
        return {"not read": "a number above 2^63"}
    return value


def rows_of(table):
    kinds = {f.name: f.type for f in table.schema}
    return [{k: shown(v, kinds[k]) for k, v in row.items()} for row in table.to_pylist(maps_as_pydicts=None)]


def texts(r, n, null=0.1):
    words = "Ada harbour lumen 港口 blue \U0001F600 of, \"in\" \\ the".split()
    return [None if r.random() < null else " ".join(r.choices(words, k=r.randrange(0, 9))) for _ in range(n)]


def nullable(r, values, null=0.15):
    return [None if r.random() < null else v for v in values]


def numbers(r, n, bits, unsigned=False):
    low, high = (0, (1 << bits) - 1) if unsigned else (-(1 << bits - 1), (1 << bits - 1) - 1)
    return [r.choice((low, high, 0, r.randint(low, high), r.randint(0, 99))) for _ in range(n)]


MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))


def chats(r, n):
    roles = ("user", "assistant", "system")
    return [None if r.random() < .1 else [None if r.random() < .05 else {"role": r.choice(roles), "content": t}
                                          for t in texts(r, r.randrange(0, 5))] for _ in range(n)]


def flat(r, n=60):
    return pa.table({
        "question": pa.array(texts(r, n), pa.string()),
        "answer": pa.array(texts(r, n, 0), pa.string()),
        "count": pa.array(nullable(r, numbers(r, n, 32)), pa.int32()),
        "id": pa.array(numbers(r, n, 64), pa.int64()),
        "x": pa.array(nullable(r, [r.gauss(0, 1) for _ in range(n)]), pa.float32()),
        "y": pa.array(nullable(r, [r.gauss(0, 9) for _ in range(n - 2)] + [math.nan, math.inf]), pa.float64()),
        "ok": pa.array(nullable(r, [r.random() < .5 for _ in range(n)]), pa.bool_()),
    })


def nested(r, n=50):
    ids = [None if r.random() < .1 else nullable(r, numbers(r, r.randrange(0, 12), 16, True)) for _ in range(n)]
    return pa.table({
        "messages": pa.array(chats(r, n), MESSAGES),
        "input_ids": pa.array(ids, pa.list_(pa.int32())),
        "choices": pa.array([texts(r, r.randrange(0, 4)) for _ in range(n)], pa.list_(pa.string())),
        "deep": pa.array([nullable(r, [nullable(r, [1, 2, 3][:r.randrange(4)]) for _ in range(r.randrange(3))]) for _ in range(n)],
                         pa.list_(pa.list_(pa.int64()))),
        "meta": pa.array(nullable(r, [{"source": t, "tags": texts(r, r.randrange(0, 3))} for t in texts(r, n)]),
                         pa.struct([("source", pa.string()), ("tags", pa.list_(pa.string()))])),
        "pairs": pa.array([[(k, i) for i, k in enumerate("abc"[:r.randrange(4)])] for _ in range(n)], pa.map_(pa.string(), pa.int32())),
        "text": pa.array(texts(r, n, 0), pa.large_string()),
    })


def kinds(r, n=30):
    day = datetime.datetime(2026, 1, 2, 3, 4, 5)
    columns = {f"{'u' * u}int{b}": pa.array(nullable(r, numbers(r, n, b, u)), getattr(pa, f"{'u' * u}int{b}")())
               for b in (8, 16, 32, 64) for u in (False, True)}
    columns |= {
        "day": pa.array([day.date()] * n, pa.date32()), "moment": pa.array(nullable(r, [day] * n), pa.timestamp("us")),
        "clock": pa.array([day.time()] * n, pa.time64("us")),
        "money": pa.array([decimal.Decimal("1.25")] * n, pa.decimal128(9, 2)), "long_money": pa.array([decimal.Decimal("1.25")] * n, pa.decimal128(30, 2)),
        "fixed": pa.array([b"abcd"] * n, pa.binary(4)),
        "bytes": pa.array([b"\xff\x00\x01" if i % 2 else b"plain" for i in range(n)], pa.binary()),
        "category": pa.array(["red", "green"] * (n // 2)).dictionary_encode(),
        "inside": pa.array([[{"day": day.date(), "t": "x"}]] * n, pa.list_(pa.struct([("day", pa.date32()), ("t", pa.string())]))),
        "nothing": pa.array([None] * n, pa.string()),
        "null": pa.nulls(n),
    }
    return pa.table(columns)


FILES = {}
for codec in ("none", "snappy", "gzip", "zstd"):
    for page in ("1.0", "2.0"):
        FILES[f"flat-{codec}-v{page[0]}"] = (flat, {"compression": codec, "data_page_version": page})
PLAIN = {"use_dictionary": False}
FILES |= {
    "flat-plain": (flat, PLAIN | {"compression": "none"}),
    "flat-delta": (flat, PLAIN | {"compression": "zstd", "data_page_version": "2.0", "column_encoding": {
        "question": "DELTA_BYTE_ARRAY", "answer": "DELTA_LENGTH_BYTE_ARRAY", "count": "DELTA_BINARY_PACKED", "id": "DELTA_BINARY_PACKED",
        "x": "BYTE_STREAM_SPLIT", "y": "BYTE_STREAM_SPLIT", "ok": "RLE"}}),
    "flat-delta-v1": (flat, PLAIN | {"compression": "none", "column_encoding": {
        "question": "DELTA_LENGTH_BYTE_ARRAY", "answer": "DELTA_BYTE_ARRAY", "count": "BYTE_STREAM_SPLIT", "id": "BYTE_STREAM_SPLIT",
        "ok": "PLAIN"}}),
    "flat-groups": (flat, {"row_group_size": 13, "data_page_size": 64, "write_batch_size": 4, "compression": "snappy"}),
    "flat-checksums": (flat, {"write_page_checksum": True, "compression": "snappy", "data_page_version": "2.0"}),
    "flat-old": (flat, {"version": "1.0", "compression": "gzip", "use_deprecated_int96_timestamps": True}),
    "flat-index": (flat, {"write_page_index": True, "compression": "zstd", "data_page_size": 200, "write_batch_size": 8}),
    "nested-dictionary": (nested, {"compression": "snappy"}),
    "nested-plain": (nested, PLAIN | {"compression": "none", "data_page_version": "2.0"}),
    "nested-pages": (nested, {"row_group_size": 17, "data_page_size": 32, "write_batch_size": 3, "compression": "zstd", "data_page_version": "2.0"}),
    "nested-pages-v1": (nested, {"row_group_size": 29, "data_page_size": 32, "write_batch_size": 3, "compression": "gzip"}),
    "nested-item": (nested, {"use_compliant_nested_type": False, "compression": "zstd"}),
    "kinds": (kinds, {"compression": "snappy"}),
    "kinds-plain": (kinds, PLAIN | {"compression": "none"}),
}


def arrow_kinds(r, n=30):
    words = nullable(r, r.choices(("red", "green", "港口"), k=n))
    pair = pa.struct([("a", pa.int8()), ("b", pa.large_string())])
    return pa.table({
        "sized": pa.array(nullable(r, [nullable(r, [i, i + 1, i + 2]) for i in range(n)]), pa.list_(pa.int16(), 3)),
        "sized_text": pa.array(nullable(r, [texts(r, 2) for _ in range(n)]), pa.list_(pa.string(), 2)),
        "large": pa.array([nullable(r, [{"a": i, "b": t} for i, t in enumerate(texts(r, r.randrange(4)))]) for _ in range(n)], pa.large_list(pair)),
        "pairs": pa.array(nullable(r, [[(t, [i]) for i, t in enumerate("ab"[:r.randrange(3)])] for _ in range(n)]), pa.map_(pa.string(), pa.list_(pa.int64()))),
        "half": pa.array([1.5] * n, pa.float16()), "wait": pa.array(nullable(r, [3] * n), pa.duration("s")),
        "large_bytes": pa.array([b"\xff" if i % 3 else b"ok" for i in range(n)], pa.large_binary()),
        "none": pa.nulls(n), "empty": pa.array(nullable(r, [{}] * n), pa.struct([])),
        "word": pa.array(words, pa.string()).dictionary_encode(),
        "word8": pa.array(words, pa.dictionary(pa.uint8(), pa.large_string())),
        "number": pa.array(nullable(r, r.choices((7, -7, 1 << 40), k=n)), pa.int64()).dictionary_encode(),
        "words": pa.ListArray.from_arrays(pa.array([2 * i for i in range(n + 1)], pa.int32()), pa.array(words + words).dictionary_encode()),
        "text": pa.array(texts(r, n, 0), pa.string()),
    })


def write_arrow(table, path, form="stream", rows=None, **options):
    if form == "feather":
        return pyarrow.feather.write_feather(table, path, chunksize=rows, **options)
    new = pa.ipc.new_stream if form == "stream" else pa.ipc.new_file
    with new(path, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as to:
        to.write_table(table, rows)


def growing(table, path):
    """Batches whose dictionaries grow (deltas), then are replaced."""
    with pa.ipc.new_stream(path, table.schema, options=pa.ipc.IpcWriteOptions(emit_dictionary_deltas=True)) as to:
        for at in range(0, table.num_rows, 7):
            part = table.slice(at, 7)
            columns = [c.cast(c.type.value_type).dictionary_encode().cast(c.type) if pa.types.is_dictionary(c.type) else c for c in part.columns]
            to.write_table(pa.table(columns, schema=table.schema))


ARROW = {
    "flat-stream.arrow": (flat, write_arrow, {"rows": 13}),
    "flat-file.arrow": (flat, write_arrow, {"form": "file", "rows": 25}),
    "flat-zstd.feather": (flat, write_arrow, {"form": "feather", "compression": "zstd"}),
    "nested-stream.arrow": (nested, write_arrow, {"rows": 17}),
    "nested-zstd.arrow": (nested, write_arrow, {"compression": "zstd"}),
    "kinds-stream.arrow": (kinds, write_arrow, {}),
    "arrow_kinds-file.arrow": (arrow_kinds, write_arrow, {"form": "file"}),
    "arrow_kinds-zstd.arrow": (arrow_kinds, write_arrow, {"compression": "zstd", "rows": 11}),
    "arrow_kinds-growing.arrow": (arrow_kinds, growing, {}),
}


def main(out):
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    for name, (make, options) in FILES.items():
        table = make(random.Random(make.__name__))  # the same for all files that begin with its name
        options = {"use_dictionary": True, "store_schema": False, "write_statistics": name == "flat-old"} | options
        pq.write_table(table, f"{out}/{name}.parquet", **options)
        with open(f"{out}/{make.__name__}.jsonl", "w", encoding="utf-8") as f:
            f.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows_of(table))
    for name, (make, write, options) in ARROW.items():
        table = make(random.Random(make.__name__))
        write(table, f"{out}/{name}", **options)
        with open(f"{out}/{make.__name__}.jsonl", "w", encoding="utf-8") as f:
            f.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows_of(table))


if __name__ == "__main__":
    main(*sys.argv[1:])
