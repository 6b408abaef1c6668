# promise: pandas writes and reads Excel and Parquet files
# outcome: ok
# needs: pandas openpyxl xlsxwriter pyarrow
# limits: memory=1G timeout=60
import pandas as pd

table = pd.DataFrame({"name": ["ä", "b"], "day": pd.to_datetime(["2025-01-01", "2025-06-01"]), "sum": [1.5, 2.0]})
for engine in ["openpyxl", "xlsxwriter"]:
    table.to_excel(f"{engine}.xlsx", index=False, engine=engine)
    pd.testing.assert_frame_equal(pd.read_excel(f"{engine}.xlsx"), table, check_dtype=False)
table.to_parquet("table.parquet")
pd.testing.assert_frame_equal(pd.read_parquet("table.parquet"), table, check_dtype=False)
print("WORKS")
