"""Make the example tables anew: two from what scikit-learn carries, three from seeded generators. A test compares them.

And one from what statsmodels carries, where that is installed: with the extra for forecasting.

`python tests/make_examples.py data/raw` writes <table>/<table>.csv for each.
"""

import csv
import gzip
import importlib.util
import io
import random
import sys
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import sklearn.datasets

Rows = list[list[object]]
PACKAGED = Path(sklearn.datasets.__file__).parent / "data"


def wine() -> Rows:
    """178 Italian wines of three cultivars: OpenML/UCI "wine", as scikit-learn carries it."""
    with (PACKAGED / "wine_data.csv").open(encoding="utf-8") as file:
        received = list(csv.reader(file))
    names = [name.replace("/", "_") for name in sklearn.datasets.load_wine().feature_names]
    cultivars = ("Barolo", "Grignolino", "Barbera")
    return [[*names, "cultivar"], *([*row[:-1], cultivars[int(row[-1])]] for row in received[1:])]


def diabetes() -> Rows:
    """442 diabetes patients and the progression a year later: Efron et al. 2004, as scikit-learn carries it."""
    names = ["age", "sex", "bmi", "blood_pressure", "s1", "s2", "s3", "s4", "s5", "s6"]
    with gzip.open(PACKAGED / "diabetes_data_raw.csv.gz", "rt") as file:
        features = [line.split() for line in file]
    with gzip.open(PACKAGED / "diabetes_target.csv.gz", "rt") as file:
        targets = [f"{float(line):g}" for line in file]
    return [[*names, "progression"], *([*row, target] for row, target in zip(features, targets, strict=True))]


def tickets(rows: int = 800) -> Rows:
    """Made up: tickets of a help desk over a year; late and angry ones about billing are escalated more often."""
    draw = random.Random(7)
    topics = {
        "billing": ["charged twice for the same month", "the invoice shows a wrong address", "refund has not arrived"],
        "login": ["cannot sign in after the update", "the reset mail never comes", "two-factor code is refused"],
        "export": ["the export stops half-way", "columns are missing in the export", "how do I export to Parquet"],
        "performance": ["pages load very slowly", "the report takes minutes", "time-outs since this morning"],
    }
    moods = {
        "calm": "please have a look",
        "annoyed": "this is the second time",
        "angry": "this is unacceptable, we will cancel",
    }
    table: Rows = [["opened", "product", "plan", "subject", "hours_to_reply", "escalated"]]
    opened = datetime(2025, 1, 6, 8, 0)  # noqa: DTZ001  a table's dates have no zone
    for _ in range(rows):
        opened += timedelta(minutes=draw.expovariate(1 / 600))
        product = draw.choices(list(topics), [4, 3, 2, 2])[0]
        mood = draw.choices(list(moods), [5, 3, 2])[0]
        plan = draw.choices(["free", "team", "business"], [5, 3, 2])[0]
        hours = round(draw.lognormvariate(1.5, 0.9), 1)
        odds = 0.04 + 0.2 * (product == "billing") + 0.3 * (mood == "angry") + 0.1 * (plan == "business") + 0.02 * hours
        subject = f"{draw.choice(topics[product])}, {moods[mood]}"
        escalated = "yes" if draw.random() < min(odds, 0.95) else "no"
        replied = "" if draw.random() < 0.05 else hours
        table.append([opened.strftime("%Y-%m-%d %H:%M"), product, plan, subject, replied, escalated])
    return table


def visits(patients: int = 120) -> Rows:
    """Made up: several visits of each patient; patients differ, so one's visits must not stand on both sides."""
    draw = random.Random(11)
    table: Rows = [["patient", "visit", "age", "smoker", "weight_kg", "pulse", "systolic"]]
    for number in range(patients):
        own, age, weight = draw.gauss(0, 9), draw.randint(25, 80), draw.gauss(76, 12)
        smoker = draw.random() < 0.3
        for visit in range(1, draw.randint(2, 7)):
            weight += draw.gauss(0, 1)
            pulse = "" if draw.random() < 0.08 else round(draw.gauss(70 + own / 3, 6))
            systolic = round(95 + 0.4 * age + 6 * smoker + 0.15 * weight + own + draw.gauss(0, 4))
            table.append([f"P{number:03d}", visit, age, "yes" if smoker else "no", round(weight, 1), pulse, systolic])
    return table


def sales(days: int = 210) -> Rows:
    """Made up: what four shops sell a day; more at weekends and while a promotion runs, which is planned ahead."""
    draw = random.Random(5)
    table: Rows = [["shop", "day", "sold", "promotion", "price", "visitors"]]
    for shop, usual in (("north", 60), ("south", 90), ("station", 140), ("village", 25)):
        level, price = float(usual), 4.0
        for number in range(days):
            day = date(2025, 3, 1) + timedelta(days=number)
            promotion = day.day in (7, 8, 9, 21, 22)
            price = round(price + draw.choice([0, 0, 0, 0, 0.1, -0.1]), 2) if day.weekday() == 0 else price
            level += draw.gauss(0, usual / 80)
            expected = level * (1.35 if day.weekday() >= 5 else 1) * (1.5 if promotion else 1) * (4.0 / price) ** 1.2
            sold = max(0, round(draw.gauss(expected, expected / 14)))
            visitors = round(sold * draw.uniform(2.2, 2.6))
            if shop == "village" and 100 <= number < 106:  # closed for a week: no rows
                continue
            counted = "" if draw.random() < 0.01 and number < days - 20 else sold
            table.append([shop, day.isoformat(), counted, "yes" if promotion else "no", price, visitors])
    return table


def co2() -> Rows:
    """Carbon dioxide in the air at Mauna Loa: the monthly means of what statsmodels carries by the week."""
    from statsmodels.datasets import co2 as weekly

    weeks = weekly.load_pandas().data["co2"].dropna()
    months = weeks.groupby(weeks.index.to_period("M")).mean()
    return [["month", "co2"], *([f"{month}-01", f"{value:.2f}"] for month, value in months.items())]


def csv_of(rows: Rows) -> str:
    """Return a table as CSV with line feeds, the same on every machine."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def example_tables() -> Iterator[tuple[str, str]]:
    """Yield the name and the CSV of each table."""
    carried = (co2,) if importlib.util.find_spec("statsmodels") else ()
    for make in (wine, diabetes, tickets, visits, sales, *carried):
        yield make.__name__, csv_of(make())


if __name__ == "__main__":
    for name, text in example_tables():
        (Path(sys.argv[1]) / name / f"{name}.csv").write_text(text, encoding="utf-8", newline="")
