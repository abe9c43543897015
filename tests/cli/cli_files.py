"""Files as a person has them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from PIL import Image

from isthmus.data.sound_files import write_sound
from isthmus.data.video import write_video

QUICK = ["--max-epochs", "2", "--random-state", "0"]


def write_people(path: Path, n: int = 60, seed: int = 0) -> Path:
    """Write a CSV of numbers, some missing, that hang together, with a column of names."""
    rng = np.random.default_rng(seed)
    size = rng.normal(size=n)
    rows = zip(40 + 10 * size, 1.7 + 0.1 * size, 70 + 8 * size + rng.normal(size=n), strict=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["name", "age", "height", "weight", "children"])
        for i, (age, height, weight) in enumerate(rows):
            missing = "" if i % 9 == 4 else f"{weight:.2f}"
            writer.writerow([f"Ann {i}", f"{age:.1f}", f"{height:.3f}", missing, int(rng.integers(0, 4))])
    return path


def write_series(path: Path, n: int = 300) -> Path:
    """Write a CSV of two channels that swing every 20 hours, with time stamps, labels, and a strange stretch."""
    t = np.arange(n)
    strange = (t >= 200) & (t < 215)
    flow = np.sin(t / 20 * 2 * np.pi) + 0.05 * np.random.default_rng(0).normal(size=n)
    heat = np.cos(t / 20 * 2 * np.pi) + 1.5 * strange
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["when", "flow", "heat", "label"])
        for i in range(n):
            when = np.datetime64("2024-01-01T00:00:00") + np.timedelta64(i, "h")
            writer.writerow([str(when).replace("T", " "), f"{flow[i]:.4f}", f"{heat[i]:.4f}", int(strange[i])])
    return path


def write_photos(folder: Path, n: int = 30, side: int = 12) -> Path:
    """Write small colour pictures, some in a subfolder, of two formats."""
    rng = np.random.default_rng(0)
    (folder / "more").mkdir(parents=True)
    for i in range(n):
        slope = np.linspace(0, rng.integers(60, 255), side)
        values = np.stack([np.add.outer(slope, slope) / 2] * 3, axis=-1) * rng.uniform(0.3, 1, 3)
        place = folder / "more" if i % 3 == 0 else folder
        Image.fromarray(values.astype(np.uint8)).save(place / f"photo{i:02}.{'bmp' if i % 2 else 'png'}")
    return folder


def write_lines(folder: Path, n: int = 60) -> None:
    """Write texts, a line each: lines.txt of many, one.txt and other.txt of one."""
    rng = np.random.default_rng(0)
    words = ["red", "green", "blue", "cat", "dog", "tree", "house", "sun"]
    lines = [" ".join(rng.choice(words, rng.integers(1, 4))) for _ in range(n)]
    for name, some in (("lines", lines), ("one", lines[:1]), ("other", lines[1:2])):
        (folder / f"{name}.txt").write_text("".join(f"{line}\n" for line in some))


def scene(h: int = 40, w: int = 48, seed: int = 0) -> np.ndarray:
    """Give a smooth colour picture with an edge."""
    y, x = np.mgrid[:h, :w] / 30.0
    rng = np.random.default_rng(seed)
    layers = [127 + 80 * np.sin(rng.uniform(0.5, 2) * x + rng.uniform(0.5, 2) * y + i) for i in range(3)]
    return (np.stack(layers, -1) + 40.0 * (x + y > 1)[..., None]).clip(0, 255).astype(np.uint8)


def write_mending(folder: Path) -> None:
    """Write pictures to be cleaned and to be filled, and what they are learnt from."""
    rng = np.random.default_rng(0)
    mask = np.zeros((40, 48), np.uint8)
    mask[10:20, 15:30] = 255
    for place in ("noisy", "good-photos", "scans", "damaged", "masks", "whole-photos"):
        (folder / place).mkdir()
        for i in range(2):
            values = scene(seed=i)
            if place in ("noisy", "scans"):
                values = (values + rng.normal(0, 25, values.shape)).clip(0, 255).astype(np.uint8)
            if place == "damaged":
                values = np.where(mask[..., None] > 0, 0, values).astype(np.uint8)
            Image.fromarray(mask if place == "masks" else values).save(folder / place / f"{i}.png")
    Image.fromarray(scene(seed=3)).save(folder / "photo.png")
    Image.fromarray(mask).save(folder / "mask.png")
    marked = scene(seed=4)
    marked[mask > 0] = (255, 0, 0)
    Image.fromarray(marked).save(folder / "scan.png")
    noisy = (scene(seed=5) + rng.normal(0, 25, (40, 48, 3))).clip(0, 255).astype(np.uint8)
    Image.fromarray(noisy).save(folder / "noisy.png")
    stills = [(scene(seed=6) + rng.normal(0, 15, (40, 48, 3))).clip(0, 255).astype(np.uint8) for _ in range(6)]
    write_video(folder / "clip.mp4", stills)


def write_sounds(folder: Path) -> None:
    """Write voices, noises, and calls of both."""
    rng = np.random.default_rng(0)
    at = np.arange(2000) / 4000
    for i in range(6):
        voice = 0.2 * np.sin(2 * np.pi * rng.uniform(100, 400) * at) * np.sin(4 * np.pi * at)
        noise = rng.normal(0, 0.05, len(at))
        write_sound(folder / "voices" / f"{i}.wav", voice, 4000)
        write_sound(folder / "noises" / f"{i}.wav", noise, 4000)
        write_sound(folder / "calls" / f"{i}.wav", voice + noise, 4000)
    write_sound(folder / "call.wav", voice + noise, 4000)


def write_ratings(folder: Path, n: int = 60) -> None:
    """Write who said what of which items, of three sorts, and the history of a new user."""
    rng = np.random.default_rng(0)
    with (folder / "ratings.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["user", "item", "rating"])
        for user in range(n):
            for item in rng.choice(24, 12, replace=False):
                writer.writerow([f"u{user}", f"i{item}", 5 if item % 3 == user % 3 else 3])
    (folder / "items.txt").write_text("i1\ni4\n\ni7\n")
