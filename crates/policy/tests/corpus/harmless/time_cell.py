# from: typical code of an analysis
# expect: allowed
%%time
import polars as pl
frame = pl.DataFrame({"x": [1, 2, 3]}).with_columns((pl.col("x") ** 2).alias("y"))
frame.filter(pl.col("y") > 1)
