"""Two years of a bicycle shop: read a messy export, clean it, say what happened, draw it.

It runs where sales.csv lies; in a sandbox that is /workspace. It leaves sales_clean.csv and summary.json behind.
"""

import json

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.ticker import FuncFormatter

DOLLARS_PER_EURO = 1.08
MISSING = ["", "n/a", "N/A", "-", "unknown"]
DATE_FORMATS = ["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d %b %Y", "%Y%m%d"]
CATEGORIES = {
    "bike": "Bikes", "bikes": "Bikes", "parts": "Parts", "spare parts": "Parts", "clothing": "Clothing",
    "clothes": "Clothing", "accessories": "Accessories", "accesories": "Accessories", "acc.": "Accessories",
}
COLOURS = {"Bikes": "#2f5d8c", "Parts": "#e08e45", "Clothing": "#6a9f58", "Accessories": "#a1567f"}


def dates(texts):
    """Tries one format after the other: guessing would turn 03.04. into March."""
    found = pd.Series(pd.NaT, index=texts.index, dtype="datetime64[ns]")
    for format in DATE_FORMATS:
        found = found.fillna(pd.to_datetime(texts, format=format, errors="coerce"))
    return found


def euros(text):
    """'€1.234,50', '$1,234.50' and '1234.5 EUR' as a number of euros."""
    if pd.isna(text):
        return float("nan")
    number = "".join(c for c in text if c.isdigit() or c in ".,")
    if number.rfind(",") > number.rfind("."):
        number = number.replace(".", "").replace(",", ".")
    value = float(number.replace(",", ""))
    return value / DOLLARS_PER_EURO if "$" in text else value


def discounts(texts):
    """'10%', '10 %' and '0.10' as a share; nothing means none."""
    number = pd.to_numeric(texts.str.rstrip("% "), errors="coerce").fillna(0)
    return number.where(~texts.str.contains("%", na=False), number / 100)


def read(path):
    """The export as it is, and the same table cleaned."""
    raw = pd.read_csv(path, dtype=str, na_values=MISSING, keep_default_na=False)
    table = raw.apply(lambda column: column.str.strip()).drop_duplicates().copy()
    table["date"] = dates(table["date"])
    table["region"] = table["region"].str.title().fillna("(unknown)")
    table["category"] = table["category"].str.lower().map(CATEGORIES)
    table["quantity"] = pd.to_numeric(table["quantity"].replace("one", "1"), errors="coerce").fillna(1).astype(int)
    prices = table["unit_price"].map(euros)
    usual = prices.groupby(table["product"]).transform("median")
    table["estimated"] = prices.isna()
    table["unit_price"] = prices.fillna(usual).round(2)
    table["discount"] = discounts(table["discount"])
    table["revenue"] = (table["quantity"] * table["unit_price"] * (1 - table["discount"])).round(2)
    return raw, table.sort_values(["date", "order_id"], ignore_index=True)


def plain(axes, title):
    """One look for every panel."""
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", pad=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=0)
    axes.set_axisbelow(True)


def draw_months(table):
    """Revenue by month and category, stacked, with the yearly rhythm on top."""
    months = table.pivot_table(index=table["date"].dt.to_period("M"), columns="category", values="revenue", aggfunc="sum")
    months = months[list(COLOURS)].fillna(0) / 1000
    figure, axes = plt.subplots(figsize=(10, 4.6), layout="constrained")
    places = range(len(months))
    bottom = pd.Series(0.0, index=months.index)
    for name, colour in COLOURS.items():
        axes.bar(places, months[name], bottom=bottom, width=0.8, color=colour, label=name)
        bottom = bottom + months[name]
    trend = bottom.rolling(3, center=True).mean()
    axes.plot(places, trend, color="#222222", linewidth=1.8, label="three-month mean")
    axes.set_xticks(places, [f"{m:%b}\n{m.year}" if m.month == 1 else f"{m:%b}" for m in months.index], fontsize=8)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"€{value:.0f}k"))
    axes.grid(axis="y", color="#dddddd", linewidth=0.8)
    plain(axes, "Revenue by month: summer carries the year")
    axes.margins(x=0.012)
    axes.set_ylim(0, bottom.max() * 1.22)
    axes.legend(ncols=5, frameon=False, fontsize=9, loc="upper left", borderaxespad=0.2)


def draw_where(table):
    """What sells best, and where."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained", width_ratios=[1.25, 1])
    best = table.groupby(["product", "category"])["revenue"].sum().sort_values().reset_index()
    bars = left.barh(best["product"], best["revenue"] / 1000, color=best["category"].map(COLOURS), height=0.7)
    left.bar_label(bars, fmt="€%.0fk", padding=4, fontsize=8)
    left.set_xticks([])
    left.spines["bottom"].set_visible(False)
    left.set_xlim(0, best["revenue"].max() / 1000 * 1.12)
    plain(left, "Revenue by product")

    share = table.pivot_table(index="region", columns="category", values="order_id", aggfunc="count")[list(COLOURS)]
    share = share.loc[share.sum(axis=1).sort_values(ascending=False).index]
    picture = right.imshow(share, cmap="Blues", aspect="auto", vmin=0)
    for row in range(share.shape[0]):
        for column in range(share.shape[1]):
            value = share.iat[row, column]
            ink = "white" if value > share.to_numpy().max() * 0.6 else "#222222"
            right.text(column, row, f"{value:,.0f}", ha="center", va="center", color=ink, fontsize=9)
    right.set_xticks(range(share.shape[1]), share.columns, fontsize=9)
    right.set_yticks(range(share.shape[0]), share.index, fontsize=9)
    plain(right, "Orders by region and category")
    right.spines[:].set_visible(False)


raw, sales = read("sales.csv")
print(f"{len(raw):,} rows read, {len(raw) - len(sales)} of them twice; "
      f"{sales['estimated'].sum()} prices were missing and are estimated; "
      f"{sales['date'].min():%d %b %Y} to {sales['date'].max():%d %b %Y}\n")

years = sales.assign(year=sales["date"].dt.year).pivot_table(
    index="category", columns="year", values="revenue", aggfunc="sum", margins=True, margins_name="Total")
years["Growth"] = years[2025] / years[2024] - 1
print(years.rename_axis(index=None, columns=None).to_string(
    formatters={**{c: "{:,.0f} €".format for c in years.columns[:-1]}, "Growth": "{:+.1%}".format}))

draw_months(sales)
draw_where(sales)

sales.to_csv("sales_clean.csv", index=False)
with open("summary.json", "w", encoding="utf-8") as file:
    json.dump({
        "orders": len(sales),
        "revenue_eur": round(float(sales["revenue"].sum()), 2),
        "best_month": str(sales.groupby(sales["date"].dt.to_period("M"))["revenue"].sum().idxmax()),
        "best_product": sales.groupby("product")["revenue"].sum().idxmax(),
    }, file, indent=2)

sales.groupby("product").agg(orders=("order_id", "count"), pieces=("quantity", "sum"), revenue=("revenue", "sum")) \
    .sort_values("revenue", ascending=False).head(5)
