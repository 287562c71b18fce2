"""Random tables that pyarrow writes as Parquet and as Arrow, read by wagle.

    python3 tests/peer/check_columnar.py build/release/print_rows [FILES [SEED]]

Schemas nest lists, structs and maps up to three deep. Encodings, codecs, page versions, dictionaries and the sizes of pages, row groups
and batches are random. The rows must be those of Table.to_pylist. Needs pyarrow; not needed by users."""
import json, pathlib, random, subprocess, sys, tempfile

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError as missing:
    print("skipped:", missing)
    sys.exit(77)

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "gold/make"))
import columnar as gold

PRINT = str(pathlib.Path(sys.argv[1]).resolve())
FILES = int(sys.argv[2]) if len(sys.argv) > 2 else 200
SEED = int(sys.argv[3]) if len(sys.argv) > 3 else 1
LEAVES = {pa.string(): ("PLAIN", "DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"), pa.binary(): ("PLAIN", "DELTA_BYTE_ARRAY"),
          pa.int32(): ("PLAIN", "DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT"), pa.int64(): ("PLAIN", "DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT"),
          pa.uint8(): ("PLAIN", "DELTA_BINARY_PACKED"), pa.uint64(): ("PLAIN", "DELTA_BINARY_PACKED"), pa.int16(): ("PLAIN",),
          pa.float32(): ("PLAIN", "BYTE_STREAM_SPLIT"), pa.float64(): ("PLAIN", "BYTE_STREAM_SPLIT"), pa.bool_(): ("PLAIN", "RLE"),
          pa.date32(): ("PLAIN",), pa.decimal128(7, 2): ("PLAIN",)}


def kind(r, depth):
    choice = r.randrange(6) if depth < 3 else 0
    if choice == 1:
        return pa.list_(pa.field("element", kind(r, depth + 1), nullable=r.random() < .7))
    if choice == 2:
        return pa.struct([pa.field(f"f{i}", kind(r, depth + 1), nullable=r.random() < .7) for i in range(r.randint(1, 3))])
    if choice == 3:
        return pa.map_(r.choice((pa.string(), pa.int32())), kind(r, depth + 1))
    return r.choice(list(LEAVES))


def value(r, t, nullable=True):
    if nullable and r.random() < .15:
        return None
    if pa.types.is_map(t):
        return [(value(r, t.key_type, False), value(r, t.item_type)) for _ in range(r.choice((0, 1, 1, 3)))]
    if pa.types.is_list(t):
        return [value(r, t.value_type, t.value_field.nullable) for _ in range(r.choice((0, 1, 2, 5)))]
    if pa.types.is_struct(t):
        return {f.name: value(r, f.type, f.nullable) for f in t}
    if pa.types.is_string(t):
        return r.choice(("", "a", "Ada", "Ada Quill", "Ada Quill lives", "港口 \U0001F600", "x" * r.randrange(300)))
    if pa.types.is_binary(t):
        return r.choice((b"", b"text", b"\xff\xfe", bytes(r.randrange(256) for _ in range(r.randrange(9)))))
    if pa.types.is_floating(t):
        return r.choice((0.0, 1.5, -2.25, float("nan"), float("inf"), r.choice((1, -1)) * 2.0 ** r.randrange(-100, 100)))
    if pa.types.is_boolean(t):
        return r.random() < .5
    if pa.types.is_date(t):
        return r.randrange(20000)
    if pa.types.is_decimal(t):
        return r.randrange(10000)
    bits, unsigned = t.bit_width, str(t).startswith("u")
    return gold.numbers(r, 1, bits, unsigned)[0]


def leaves(name, t):
    """Paths of a column's leaves, as column_encoding wants them."""
    if pa.types.is_map(t):
        return leaves(f"{name}.key_value.key", t.key_type) + leaves(f"{name}.key_value.value", t.item_type)
    if pa.types.is_list(t):
        return leaves(f"{name}.list.element", t.value_type)
    if pa.types.is_struct(t):
        return [leaf for f in t for leaf in leaves(f"{name}.{f.name}", f.type)]
    return [(name, t)]


def table_of(r):
    fields = [pa.field(f"c{i}", kind(r, 0), nullable=r.random() < .7) for i in range(r.randint(1, 5))]
    n = r.choice((1, 7, 60, 400))
    schema = pa.schema(fields)
    return pa.table([pa.array([value(r, f.type, f.nullable) for _ in range(n)], f.type) for f in fields], schema=schema)


def write_parquet(r, table, path):
    n, fields = table.num_rows, table.schema
    options = {"compression": r.choice(("none", "snappy", "gzip", "zstd")), "data_page_version": r.choice(("1.0", "2.0")),
               "data_page_size": r.choice((1, 50, 1000, 1 << 20)), "write_batch_size": r.choice((1, 5, 1024)),
               "row_group_size": r.choice((1 << 20, n // 3 + 1)), "write_page_checksum": r.random() < .3,
               "dictionary_pagesize_limit": r.choice((1 << 20, 20)), "write_statistics": r.random() < .5,
               "store_schema": r.random() < .5, "version": r.choice(("1.0", "2.4", "2.6")), "write_page_index": r.random() < .2}
    if r.random() < .5:
        options |= {"use_dictionary": False, "column_encoding": {p: r.choice(LEAVES[t]) for f in fields for p, t in leaves(f.name, f.type)}}
    pq.write_table(table, path, **options)
    return options


def write_arrow(r, table, path):
    options = {"form": r.choice(("stream", "file")), "compression": r.choice((None, "zstd")), "rows": r.choice((None, 1, 8, 100))}
    columns = [c.dictionary_encode() if r.random() < .3 and not pa.types.is_nested(c.type) and not pa.types.is_decimal(c.type) else c
               for c in table.columns]
    gold.write_arrow(pa.table(columns, names=table.column_names), path, **options)
    return options


def main():
    with tempfile.TemporaryDirectory() as folder:
        for i in range(FILES):
            r = random.Random(SEED * 100003 + i)
            path = f"{folder}/t"
            table = table_of(r)
            options = r.choice((write_parquet, write_arrow))(r, table, path)
            run = subprocess.run([PRINT, path], capture_output=True, text=True, encoding="utf-8")
            rows = [json.loads(line) for line in run.stdout.splitlines()]
            wanted = gold.rows_of(table)
            if run.returncode != 0 or rows != wanted:
                print(f"seed {SEED}, file {i}: {table.schema}\n{options}\n{run.stderr}")
                print(next(((k, a, b) for k, (a, b) in enumerate(zip(rows, wanted)) if a != b), (len(rows), len(wanted))))
                return 1
    print(f"{FILES} files of pyarrow {pa.__version__} read as pyarrow reads them")
    return 0


sys.exit(main())
