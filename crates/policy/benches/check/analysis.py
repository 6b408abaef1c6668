# A cell of an analysis, as models write them: what `main.rs` measures. It is never run.
%matplotlib inline
import json
import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from scipy import stats
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.model_selection import TimeSeriesSplit, train_test_split

pd.set_option("display.width", 120)
sns.set_theme(style="whitegrid")

# Load the data and give every column its type
sales = pd.read_csv("sales.csv", parse_dates=["ordered_at", "shipped_at"], dtype={"region": "category"})
customers = pd.read_csv("customers.csv", usecols=["customer_id", "segment", "since", "country"])
products = pd.read_parquet("products.parquet")
print(f"{len(sales):,} orders, {sales['customer_id'].nunique():,} customers, {sales.shape[1]} columns")


@dataclass
class Period:
    """A span of time with a name."""

    name: str
    start: datetime
    end: datetime

    def __post_init__(self):
        if self.end <= self.start:
            raise ValueError(f"{self.name}: ends before it starts ({self.start:%Y-%m-%d})")

    @property
    def days(self) -> int:
        return (self.end - self.start).days

    def mask(self, column: pd.Series) -> pd.Series:
        return (column >= self.start) & (column < self.end)


def clean(frame: pd.DataFrame) -> pd.DataFrame:
    """Drop duplicates, fill gaps, and cut outliers at the 99.5th percentile."""
    frame = frame.drop_duplicates(subset=["order_id"]).copy()
    frame["quantity"] = frame["quantity"].fillna(1).astype(int).clip(lower=0)
    frame["discount"] = frame["discount"].fillna(0.0)
    limit = np.nanpercentile(frame["unit_price"], 99.5)
    frame = frame.loc[frame["unit_price"].between(0.01, limit)]
    frame["revenue"] = frame["quantity"] * frame["unit_price"] * (1 - frame["discount"])
    frame["days_to_ship"] = (frame["shipped_at"] - frame["ordered_at"]).dt.total_seconds() / 86_400
    return frame[frame["revenue"] > 0].reset_index(drop=True)


orders = (
    clean(sales)
    .merge(customers, on="customer_id", how="left", validate="many_to_one")
    .merge(products[["product_id", "category", "cost"]], on="product_id", how="left")
    .assign(
        margin=lambda df: df["revenue"] - df["cost"] * df["quantity"],
        month=lambda df: df["ordered_at"].dt.to_period("M").dt.to_timestamp(),
        weekday=lambda df: df["ordered_at"].dt.day_name(),
    )
)

# Revenue by region and month
revenue_table = orders.pivot_table(index="month", columns="region", values="revenue", aggfunc="sum", observed=True)
revenue_growth = (revenue_table.iloc[-1] / revenue_table.iloc[0] - 1).sort_values(ascending=False)
revenue_smooth = revenue_table.rolling(window=3, min_periods=1, center=True).mean()
for region, value in revenue_growth.items():
    trend = "up" if value > 0.05 else "down" if value < -0.05 else "flat"
    print(f"{region:>12}: {value:+8.1%} ({trend})")
fig, axes = plt.subplots(1, 2, figsize=(12, 4), gridspec_kw={"width_ratios": [3, 2]})
revenue_smooth.plot(ax=axes[0], linewidth=2, title="Revenue by month")
axes[0].set(xlabel="", ylabel="Revenue")
axes[0].yaxis.set_major_formatter(lambda value, _: f"{value / 1e3:,.0f} k")
sns.barplot(x=revenue_growth.values, y=revenue_growth.index.astype(str), ax=axes[1], color="steelblue")
axes[1].axvline(0, color="black", linewidth=0.8)
for index, (region, value) in enumerate(revenue_growth.items()):
    axes[1].text(value, index, f" {value:.0%}", va="center", fontsize=9)
fig.suptitle(f"Revenue: {revenue_growth.index[0]} grew fastest")
fig.tight_layout()
fig.savefig("revenue.png", dpi=150, bbox_inches="tight")

# Margin by region and month
margin_table = orders.pivot_table(index="month", columns="region", values="margin", aggfunc="sum", observed=True)
margin_growth = (margin_table.iloc[-1] / margin_table.iloc[0] - 1).sort_values(ascending=False)
margin_smooth = margin_table.rolling(window=3, min_periods=1, center=True).mean()
for region, value in margin_growth.items():
    trend = "up" if value > 0.05 else "down" if value < -0.05 else "flat"
    print(f"{region:>12}: {value:+8.1%} ({trend})")
fig, axes = plt.subplots(1, 2, figsize=(12, 4), gridspec_kw={"width_ratios": [3, 2]})
margin_smooth.plot(ax=axes[0], linewidth=2, title="Margin by month")
axes[0].set(xlabel="", ylabel="Margin")
axes[0].yaxis.set_major_formatter(lambda value, _: f"{value / 1e3:,.0f} k")
sns.barplot(x=margin_growth.values, y=margin_growth.index.astype(str), ax=axes[1], color="steelblue")
axes[1].axvline(0, color="black", linewidth=0.8)
for index, (region, value) in enumerate(margin_growth.items()):
    axes[1].text(value, index, f" {value:.0%}", va="center", fontsize=9)
fig.suptitle(f"Margin: {margin_growth.index[0]} grew fastest")
fig.tight_layout()
fig.savefig("margin.png", dpi=150, bbox_inches="tight")

# Days to ship by region and month
days_to_ship_table = orders.pivot_table(index="month", columns="region", values="days_to_ship", aggfunc="median", observed=True)
days_to_ship_growth = (days_to_ship_table.iloc[-1] / days_to_ship_table.iloc[0] - 1).sort_values(ascending=False)
days_to_ship_smooth = days_to_ship_table.rolling(window=3, min_periods=1, center=True).mean()
for region, value in days_to_ship_growth.items():
    trend = "up" if value > 0.05 else "down" if value < -0.05 else "flat"
    print(f"{region:>12}: {value:+8.1%} ({trend})")
fig, axes = plt.subplots(1, 2, figsize=(12, 4), gridspec_kw={"width_ratios": [3, 2]})
days_to_ship_smooth.plot(ax=axes[0], linewidth=2, title="Days to ship by month")
axes[0].set(xlabel="", ylabel="Days to ship")
axes[0].yaxis.set_major_formatter(lambda value, _: f"{value / 1e3:,.0f} k")
sns.barplot(x=days_to_ship_growth.values, y=days_to_ship_growth.index.astype(str), ax=axes[1], color="steelblue")
axes[1].axvline(0, color="black", linewidth=0.8)
for index, (region, value) in enumerate(days_to_ship_growth.items()):
    axes[1].text(value, index, f" {value:.0%}", va="center", fontsize=9)
fig.suptitle(f"Days to ship: {days_to_ship_growth.index[0]} grew fastest")
fig.tight_layout()
fig.savefig("days_to_ship.png", dpi=150, bbox_inches="tight")

# Quantity by region and month
quantity_table = orders.pivot_table(index="month", columns="region", values="quantity", aggfunc="mean", observed=True)
quantity_growth = (quantity_table.iloc[-1] / quantity_table.iloc[0] - 1).sort_values(ascending=False)
quantity_smooth = quantity_table.rolling(window=3, min_periods=1, center=True).mean()
for region, value in quantity_growth.items():
    trend = "up" if value > 0.05 else "down" if value < -0.05 else "flat"
    print(f"{region:>12}: {value:+8.1%} ({trend})")
fig, axes = plt.subplots(1, 2, figsize=(12, 4), gridspec_kw={"width_ratios": [3, 2]})
quantity_smooth.plot(ax=axes[0], linewidth=2, title="Quantity by month")
axes[0].set(xlabel="", ylabel="Quantity")
axes[0].yaxis.set_major_formatter(lambda value, _: f"{value / 1e3:,.0f} k")
sns.barplot(x=quantity_growth.values, y=quantity_growth.index.astype(str), ax=axes[1], color="steelblue")
axes[1].axvline(0, color="black", linewidth=0.8)
for index, (region, value) in enumerate(quantity_growth.items()):
    axes[1].text(value, index, f" {value:.0%}", va="center", fontsize=9)
fig.suptitle(f"Quantity: {quantity_growth.index[0]} grew fastest")
fig.tight_layout()
fig.savefig("quantity.png", dpi=150, bbox_inches="tight")

# Do weekdays differ? One test for each category, corrected for their number
results = []
for category, group in orders.groupby("category", observed=True):
    samples = [part["revenue"].to_numpy() for _, part in group.groupby("weekday") if len(part) >= 20]
    if len(samples) < 2:
        continue
    statistic, p_value = stats.kruskal(*samples)
    results.append({"category": category, "statistic": statistic, "p": p_value, "n": len(group)})
tests = pd.DataFrame(results).sort_values("p")
tests["p_corrected"] = np.minimum(tests["p"] * len(tests), 1.0)
significant = tests.query("p_corrected < 0.05")["category"].tolist()
print(f"{len(significant)} of {len(tests)} categories differ:", ", ".join(significant) or "none")

# How customers come back
first = orders.groupby("customer_id")["month"].transform("min")
age = ((orders["month"].dt.year - first.dt.year) * 12 + orders["month"].dt.month - first.dt.month).rename("age")
cohorts = orders.groupby([first.rename("cohort"), age])["customer_id"].nunique().unstack(fill_value=0)
retention = cohorts.div(cohorts[0], axis=0).round(3)
baskets = Counter()
pairs = defaultdict(int)
for _, items in orders.groupby("order_id")["category"]:
    names = sorted(set(items.dropna()))
    baskets.update(names)
    for left, name in enumerate(names):
        for other in names[left + 1 :]:
            pairs[name, other] += 1
lift = {
    pair: count * len(orders) / (baskets[pair[0]] * baskets[pair[1]])
    for pair, count in pairs.items()
    if count >= 30 and min(baskets[pair[0]], baskets[pair[1]]) > 0
}

# A forecast that looks no further back than a year
daily = orders.set_index("ordered_at").resample("D")["revenue"].sum().to_frame("y")
for lag in (1, 7, 14, 28):
    daily[f"lag_{lag}"] = daily["y"].shift(lag)
daily["mean_28"] = daily["y"].shift(1).rolling(28).mean()
daily["sin"], daily["cos"] = (f(2 * math.pi * daily.index.dayofyear / 365.25) for f in (np.sin, np.cos))
daily = daily.dropna()
features, target = daily.drop(columns="y"), daily["y"]
errors = []
for fold, (train, test) in enumerate(TimeSeriesSplit(n_splits=5).split(features)):
    model = GradientBoostingRegressor(n_estimators=200, max_depth=3, learning_rate=0.05, random_state=0)
    model.fit(features.iloc[train], target.iloc[train])
    predicted = model.predict(features.iloc[test])
    errors.append({"fold": fold, "mae": mean_absolute_error(target.iloc[test], predicted), "r2": r2_score(target.iloc[test], predicted)})
scores = pd.DataFrame(errors).set_index("fold")
try:
    best = scores["mae"].idxmin()
except (KeyError, ValueError) as error:
    print("no scores:", error)
else:
    print(scores.loc[best].to_dict())

last_year = Period("last year", datetime(2025, 1, 1), datetime(2026, 1, 1))
before = Period("the year before", last_year.start - timedelta(days=365), last_year.start)
summary = {
    "orders": int(len(orders)),
    "revenue": {p.name: round(float(orders.loc[p.mask(orders["ordered_at"]), "revenue"].sum()), 2) for p in (before, last_year)},
    "fastest": {"region": str(revenue_growth.index[0]), "growth": round(float(revenue_growth.iloc[0]), 4)},
    "retention_after_3_months": None if 3 not in retention else float(retention[3].mean()),
    "top_pairs": [" + ".join(pair) for pair, _ in sorted(lift.items(), key=lambda item: item[1], reverse=True)[:5]],
    "days": last_year.days,
}
with open("summary.json", "w", encoding="utf-8") as file:
    json.dump(summary, file, indent=2, default=str)
scores.describe().T.style.format("{:.2f}")
