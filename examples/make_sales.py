#!/usr/bin/env python3
"""Writes sales.csv: two years of a small bicycle shop, as messy as such exports are. Standard library only.

The same seed gives the same file, byte for byte: run it again after a change here and commit both.
"""

import csv
import datetime
import math
import pathlib
import random

ORDERS = 4000
PRODUCTS = [  # category, product, list price in euros, how often it sells
    ("Bikes", "City 3", 649.00, 5),
    ("Bikes", "Trail 7", 1249.50, 4),
    ("Bikes", "Volt E", 2390.00, 3),
    ("Parts", "Chain 11s", 34.90, 14),
    ("Parts", "Brake pads", 18.50, 18),
    ("Parts", "Tyre 28\"", 39.95, 16),
    ("Clothing", "Rain jacket", 119.00, 8),
    ("Clothing", "Gloves", 29.90, 11),
    ("Accessories", "Helmet", 79.90, 10),
    ("Accessories", "Lock", 54.00, 9),
    ("Accessories", "Light set", 44.50, 12),
]
SPELLINGS = {
    "Bikes": ["Bikes", "bikes", "Bike", "BIKES", "Bikes "],
    "Parts": ["Parts", "parts", " Parts", "Spare parts", "PARTS"],
    "Clothing": ["Clothing", "clothing", "Clothes", "Clothing  "],
    "Accessories": ["Accessories", "accessories", "Accesories", "Acc.", "ACCESSORIES"],
}
REGIONS = {"North": 1.0, "South": 1.3, "East": 0.7, "West": 1.1}
CHANNELS = ["web", "shop", "phone"]
MISSING = ["", "", "n/a", "N/A", "-", "unknown"]


def season(day):
    """How busy a day is: summers high, winters low, Saturdays best, and a little growth from year to year."""
    year = 1 + 0.55 * math.sin((day.timetuple().tm_yday - 95) / 365 * 2 * math.pi)
    return year * (1.6 if day.weekday() == 5 else 1.0) * (1 + 0.12 * (day.year - 2024))


def date_text(rng, day):
    """One day in one of the formats that three tills and a web shop write."""
    formats = ["%Y-%m-%d", "%Y-%m-%d", "%Y-%m-%d", "%d.%m.%Y", "%d.%m.%Y", "%m/%d/%Y", "%d %b %Y", "%Y%m%d"]
    return day.strftime(rng.choice(formats))


def money_text(rng, euros):
    """An amount as people type it: German, English, with the sign before or behind."""
    english = f"{euros:,.2f}"
    german = english.translate(str.maketrans(",.", ".,"))
    dollars = f"{euros * 1.08:,.2f}"
    return rng.choices(
        [f"€{german}", f"{german} €", f"{euros:.2f} EUR", f"EUR {english}", f"${dollars}", f"{euros:.2f}"],
        weights=[30, 20, 20, 8, 12, 10],
    )[0]


def order(rng, number, day):
    """One clean order turned into one messy row."""
    category, product, price, _ = rng.choices(PRODUCTS, weights=[p[3] for p in PRODUCTS])[0]
    quantity = rng.choices([1, 2, 3, 4, 6], weights=[60, 22, 9, 6, 3])[0] if price < 500 else 1
    discount = rng.choices([0, 5, 10, 15], weights=[70, 12, 13, 5])[0]
    unit = price * (1 + rng.gauss(0, 0.02))
    region = rng.choices(list(REGIONS), weights=list(REGIONS.values()))[0]
    row = {
        "order_id": f"B{number:05d}",
        "date": date_text(rng, day),
        "region": rng.choices([region, region.upper(), f" {region}", rng.choice(MISSING)], weights=[84, 6, 6, 4])[0],
        "category": SPELLINGS[category][0] if rng.random() < 0.72 else rng.choice(SPELLINGS[category]),
        "product": product + (" " if rng.random() < 0.03 else ""),
        "quantity": str(quantity) if rng.random() < 0.985 else rng.choice(["", "one", f"{quantity}.0"]),
        "unit_price": money_text(rng, unit) if rng.random() < 0.97 else rng.choice(MISSING),
        "discount": rng.choice([f"{discount}%", f"{discount} %", f"{discount / 100:.2f}"]) if discount else "",
        "channel": rng.choices(CHANNELS, weights=[55, 35, 10])[0],
        "note": rng.choices(["", "Grüße, bitte klingeln", "gift, \"no invoice\"", "café pickup"], weights=[92, 3, 3, 2])[0],
    }
    return row


def main():
    rng = random.Random(20240101)
    days = [datetime.date(2024, 1, 1) + datetime.timedelta(days=n) for n in range(731)]
    picked = sorted(rng.choices(days, weights=[season(day) for day in days], k=ORDERS))
    rows = [order(rng, number, day) for number, day in enumerate(picked, 1)]
    for row in rng.sample(rows, 60):  # the web shop sends some orders twice
        rows.insert(rng.randrange(len(rows)), dict(row))
    path = pathlib.Path(__file__).with_name("sales.csv")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"{len(rows)} rows in {path.name}")


main()
