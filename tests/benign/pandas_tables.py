# promise: pandas reads, joins, groups and writes tables
# outcome: ok
# needs: pandas
import io, sqlite3
import numpy as np
import pandas as pd

table = pd.read_csv(io.StringIO("day,shop,sum\n2025-01-01,a,1.5\n2025-01-02,b,\n2025-01-02,a,3\n"), parse_dates=["day"])
assert table["sum"].isna().sum() == 1 and table.groupby("shop")["sum"].sum()["a"] == 4.5
names = pd.DataFrame({"shop": ["a", "b"], "name": ["Ä", "B"]})
assert table.merge(names, on="shop").pivot_table(index="day", columns="name", values="sum", aggfunc="sum").notna().any(axis=None)
large = pd.DataFrame({"key": np.arange(300_000) % 1000, "value": np.arange(300_000.0)})
assert large.groupby("key")["value"].agg(["mean", "max"]).shape == (1000, 2)
table.to_csv("table.csv", index=False)
table.to_json("table.json", orient="records")
with sqlite3.connect("table.db") as connection:
    table.to_sql("sales", connection, index=False)
    assert len(pd.read_sql("select * from sales", connection)) == 3
assert "<table" in table._repr_html_() and table["day"].dt.tz_localize("Europe/Berlin").iloc[0].hour == 0
print("WORKS")
