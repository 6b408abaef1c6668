# from: typical code of an analysis
# expect: allowed
import pandas as pd
import matplotlib.pyplot as plt

df = pd.read_csv("sales.csv", parse_dates=["date"])
df["month"] = df["date"].dt.to_period("M")
monthly = df.groupby(["region", "month"])["revenue"].sum().unstack("region")
growth = (monthly.iloc[-1] / monthly.iloc[0] - 1).sort_values(ascending=False)
print(growth.head())
fig, ax = plt.subplots(figsize=(8, 4))
monthly.plot(ax=ax, marker="o")
ax.set_title(f"Fastest: {growth.index[0]} ({growth.iloc[0]:.1%})")
ax.yaxis.set_major_formatter(lambda value, _: f"{value / 1e6:.1f} M")
fig.tight_layout()
plt.savefig("growth.png", dpi=150)
plt.show()
df.query("revenue > 1000 and region == 'North'").to_csv("/workspace/north.csv", index=False)
growth
