"""A generated frame like the census's "Adult": every type of column, skew, spikes, gaps, and dependencies known."""

from __future__ import annotations

import numpy as np
import pandas as pd

EDUCATION = [f"{i:02d}-" + name for i, name in enumerate(
    ["none", "grade-4", "grade-6", "grade-8", "grade-9", "grade-10", "grade-11", "grade-12", "school", "some-college",
     "trade", "associate", "bachelor", "master", "professional", "doctor"]
)]  # fmt: skip
WEIGHTS = np.array([2, 5, 10, 20, 16, 28, 36, 14, 320, 220, 42, 33, 165, 55, 18, 13], dtype=float)
OCCUPATIONS = ["farming", "cleaning", "machines", "transport", "craft", "repair", "service", "guard", "clerk", "sales",
               "technician", "manager", "specialist", "army"]  # fmt: skip
EMPLOYERS = ["private", "self", "self-inc", "federal", "state", "local", "unpaid", "none"]


def people(n: int, seed: int = 0) -> pd.DataFrame:
    """Make n rows of 15 columns; the last one, "earns", is what a classifier is to tell."""
    rng = np.random.default_rng(seed)
    age = np.clip(17 + rng.gamma(2.6, 8.6, n), 17, 90).astype(int)
    sex = rng.choice(["female", "male"], n, p=[0.36, 0.64])
    male = sex == "male"
    ability = rng.normal(size=n)
    edges = np.cumsum(WEIGHTS / WEIGHTS.sum())
    rank = (np.argsort(np.argsort(ability + 0.35 * rng.normal(size=n))) + 0.5) / n
    level = np.minimum(np.searchsorted(edges, rank), 15)
    # The young have not finished.
    level = np.where((age < 22) & (level > 9), 9, level)
    years = np.clip(level + 1 + (rng.random(n) < 0.04), 1, 17)
    single = 1 / (1 + np.exp(0.16 * (age - 27)))
    draw = rng.random(n)
    later = rng.choice(["married", "divorced", "separated"], n, p=[0.72, 0.23, 0.05])
    marital = np.where(draw < single, "never", later)
    marital = np.where((age > 62) & (rng.random(n) < 0.012 * (age - 55)), "widowed", marital)
    married = marital == "married"
    others = rng.choice(["alone", "shared", "relative"], n, p=[0.62, 0.3, 0.08])
    others = np.where((age < 26) & (rng.random(n) < 0.75), "child", others)
    household = np.where(married, np.where(male, "husband", "wife"), others)
    children = rng.random(n) < np.where(married, 0.62, 0.15) * np.exp(-(((age - 40) / 18.0) ** 2))
    skill = (level - 8) / 3 + 0.5 * rng.normal(size=n)
    centers = np.linspace(-2.2, 2.4, 13)
    chances = np.exp(-0.9 * (skill[:, None] - centers) ** 2)
    chances[:, [0, 3, 4, 5]] *= np.where(male, 1.6, 0.25)[:, None]
    chances[:, [6, 8]] *= np.where(male, 0.5, 1.9)[:, None]
    chances = np.column_stack([chances, np.full(n, 0.004)])
    job = (chances.cumsum(1) < rng.random(n)[:, None] * chances.sum(1, keepdims=True)).sum(1)
    other = rng.choice(8, n, p=[0.1, 0.3, 0.14, 0.12, 0.14, 0.18, 0.01, 0.01])
    employer = np.array(EMPLOYERS)[np.where(rng.random(n) < 0.25, other, 0)]
    employer = np.where(job == 13, "federal", employer)
    usual = 40 + 4 * (employer == "self-inc") - 12 * (age < 22) - 14 * (age > 66) + 2 * male + 6 * rng.normal(size=n)
    hours = np.where(rng.random(n) < 0.47, 40, np.clip(usual + 4 * rng.standard_t(4, n), 1, 99)).astype(int)
    region = 40 * rng.beta(0.9, 2.0, n)
    region = np.array([f"region-{int(r):02d}" for r in region])
    coast = np.isin(region, [f"region-{i:02d}" for i in range(0, 40, 3)])
    worth = (
        9.7 + 0.09 * level + 0.018 * hours - 0.0009 * (age - 50) ** 2 + 0.15 * male + 0.25 * married + 0.12 * coast
        + 0.3 * (employer == "self-inc") + 0.02 * job + 0.42 * rng.normal(size=n)
    )  # fmt: skip
    income = np.round(np.exp(worth) / 10) * 10
    rich = 1 / (1 + np.exp(-(worth - 12.2) * 2.0))
    gain = np.where(rng.random(n) < 0.3 * rich, np.round(np.exp(rng.normal(8.2 + 0.6 * (worth - 12), 0.9, n))), 0.0)
    gain = np.where((gain > 0) & (rng.random(n) < 0.06), 99_999.0, np.minimum(gain, 99_999.0))
    owner = rng.random(n) < 1 / (1 + np.exp(-(1.4 * (worth - 12) + 0.04 * (age - 38))))
    commute = np.exp(rng.normal(2.2 + 0.35 * (~coast) + 0.15 * owner, 0.6))
    chance = 1 / (1 + np.exp(-(3.2 * (worth - 12.25) + 1.1 * married + 1.5 * (gain > 5000) + 0.12 * (level - 9))))
    earns = np.where(rng.random(n) < chance, ">50K", "<=50K")
    frame = pd.DataFrame(
        {
            "age": age, "employer": employer, "education": np.array(EDUCATION)[level], "school_years": years,
            "marital": marital, "occupation": np.array(OCCUPATIONS)[job], "household": household, "sex": sex,
            "children": children, "capital_gain": gain, "hours": hours, "region": region, "income": income,
            "owner": owner, "commute": commute, "earns": earns,
        }
    )  # fmt: skip
    unknown = rng.random(n) < np.where(age < 25, 0.14, 0.035)
    frame.loc[unknown, ["employer", "occupation"]] = None
    frame.loc[rng.random(n) < 0.05, "commute"] = np.nan
    return frame
