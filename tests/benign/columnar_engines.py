# promise: duckdb and polars, which bring thread pools of their own, work beside pandas
# outcome: ok
# needs: duckdb polars pandas
# limits: memory=2G pids=256 timeout=60
import duckdb
import pandas as pd
import polars as pl

table_of_pandas = table = pd.DataFrame({"key": [n % 7 for n in range(100_000)], "value": range(100_000)})
expected = table.groupby("key")["value"].sum().to_dict()
assert dict(duckdb.sql("select key, sum(value) from table_of_pandas group by key").fetchall()) == expected
frame = pl.DataFrame({"key": table["key"].to_list(), "value": table["value"].to_list()})
assert dict(frame.group_by("key").agg(pl.col("value").sum()).iter_rows()) == expected
frame.write_parquet("frame.parquet")
assert duckdb.sql("select count(*) from 'frame.parquet'").fetchall() == [(100_000,)]
print("WORKS")
