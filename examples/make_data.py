#!/usr/bin/env python3
"""Make the demo tables: Parquet files and the catalog that the demo server reads.

Run it after changing a table, and commit what it writes:

    python3 -m venv .venv && .venv/bin/pip install pyarrow
    .venv/bin/python examples/make_data.py

Every value comes from a fixed seed, so that a second run changes nothing.
"""

import datetime
import json
import pathlib
import random
import uuid

import pyarrow as pa
import pyarrow.compute  # noqa: F401  (registers pa.compute)
import pyarrow.parquet as pq

HERE = pathlib.Path(__file__).resolve().parent / "delta"
NAMESPACE = uuid.UUID("5f0d4c1e-8d1f-4d0b-9b67-6f0a5f6f2f10")
FIRST_DAY = datetime.date(2026, 7, 1)

# How Arrow names a type, and how a Delta schema does.
DELTA_TYPES = {
    pa.int64(): "long",
    pa.float64(): "double",
    pa.string(): "string",
    pa.date32(): "date",
}


def orders(rng):
    rows = 3000
    return pa.table({
        "order_id": pa.array(range(1, rows + 1), pa.int64()),
        "ordered_on": pa.array([FIRST_DAY + datetime.timedelta(days=i * 92 // rows) for i in range(rows)], pa.date32()),
        "customer_id": pa.array([rng.randint(1, 400) for _ in range(rows)], pa.int64()),
        "article": pa.array([rng.choice(["boots", "coat", "dress", "hat", "scarf"]) for _ in range(rows)], pa.string()),
        "amount": pa.array([rng.randint(990, 24990) / 100 for _ in range(rows)], pa.float64()),
    })


def customers(rng):
    rows = 400
    return pa.table({
        "customer_id": pa.array(range(1, rows + 1), pa.int64()),
        "country": pa.array([rng.choice(["DE", "ES", "FR", "PL"]) for _ in range(rows)], pa.string()),
    })


def visits(rng):
    rows = 1200
    return pa.table({
        "visit_id": pa.array(range(1, rows + 1), pa.int64()),
        "pages": pa.array([rng.randint(1, 30) for _ in range(rows)], pa.int64()),
        "device": pa.array([rng.choice(["phone", "tablet", "desktop"]) for _ in range(rows)], pa.string()),
    })


def report(rng):
    regions = ["north", "south", "east", "west"]
    return pa.table({
        "region": pa.array(regions, pa.string()),
        "revenue": pa.array([rng.randint(100_000, 900_000) / 1 for _ in regions], pa.float64()),
    })


def entries(rng):
    rows = 2000
    return pa.table({
        "entry_id": pa.array(range(1, rows + 1), pa.int64()),
        "account": pa.array([rng.choice(["1000", "1200", "4400", "8400"]) for _ in range(rows)], pa.string()),
        "amount": pa.array([rng.randint(-500000, 500000) / 100 for _ in range(rows)], pa.float64()),
    })


# share -> schema -> table -> (maker, partition column or None)
TABLES = {
    "sales": {
        "retail": {"orders": (orders, None), "customers": (customers, None)},
        "web": {"visits": (visits, "device")},
    },
    "finance": {
        "reports": {"q3": (report, None), "q4": (report, None)},
        "ledger": {"entries": (entries, None)},
    },
}


def identifier(*names):
    return str(uuid.uuid5(NAMESPACE, "/".join(names)))


def schema_string(schema):
    fields = [
        {"name": f.name, "type": DELTA_TYPES[f.type], "nullable": True, "metadata": {}}
        for f in schema
    ]
    return json.dumps({"type": "struct", "fields": fields}, separators=(",", ":"))


def stats(data):
    """The statistics of one file, as the text that the protocol wants inside its JSON."""
    low, high = {}, {}
    for name in data.column_names:
        values = data.column(name).to_pylist()
        low[name], high[name] = min(values), max(values)
    return json.dumps(
        {
            "numRecords": data.num_rows,
            "minValues": low,
            "maxValues": high,
            "nullCount": {name: 0 for name in data.column_names},
        },
        default=str,
        separators=(",", ":"),
    )


def write_files(name, data, partition):
    parts = [({}, data)]
    if partition:
        keys = sorted(set(data.column(partition).to_pylist()))
        parts = [
            ({partition: key}, data.filter(pa.compute.equal(data[partition], key)).drop_columns([partition]))
            for key in keys
        ]
    files = []
    for values, part in parts:
        file = "-".join([name, *values.values()]) + ".parquet"
        path = HERE / "files" / file
        pq.write_table(part, path, compression="zstd")
        files.append({
            "file": file,
            "id": identifier("file", file),
            "partitionValues": values,
            "size": path.stat().st_size,
            "stats": stats(part),
        })
    return files


def main():
    (HERE / "files").mkdir(exist_ok=True)
    catalog = []
    for share, schemas in TABLES.items():
        share_entry = {"name": share, "id": identifier(share), "schemas": []}
        for schema, tables in schemas.items():
            schema_entry = {"name": schema, "tables": []}
            for table, (make, partition) in tables.items():
                name = f"{share}-{schema}-{table}"
                data = make(random.Random(name))
                schema_entry["tables"].append({
                    "name": table,
                    "id": identifier(share, schema, table),
                    "version": 0,
                    "schemaString": schema_string(data.schema),
                    "partitionColumns": [partition] if partition else [],
                    "files": write_files(name, data, partition),
                })
            share_entry["schemas"].append(schema_entry)
        catalog.append(share_entry)
    text = json.dumps({"shares": catalog}, indent=1) + "\n"
    (HERE / "catalog.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
