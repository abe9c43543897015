"""What to watch next: films for users, known and new, beside what is popular.

You learn here how a Recommender is fitted to a list of who took what, judged on users that it never saw, asked for
known users and for new ones by their histories, and made to say why.

    python examples/recommend.py                  # made-up users, each with a taste for two of six genres
    python examples/recommend.py ratings.csv 4    # users, items and ratings of your own; 4 and more counts as taken

Writes recommend.html: figures and examples.
"""

import sys

import numpy as np

from isthmus import Recommender
from isthmus.evaluation import recommending_report
from isthmus.tasks import split_users

GENRES, FILMS = ("comedy", "crime", "drama", "horror", "space", "west"), 25


def made_up(n_users: int = 1500) -> list[tuple[int, str]]:
    """Users take films of their two genres three times of four, and known films sooner than others."""
    rng = np.random.default_rng(0)
    names = np.array([f"{genre}-{i:02}" for genre in GENRES for i in range(FILMS)])
    fame = np.tile(1 / np.arange(1, FILMS + 1) ** 0.7, len(GENRES))
    pairs = []
    for user in range(n_users):
        liked = np.isin(np.arange(len(names)) // FILMS, rng.choice(len(GENRES), 2, replace=False))
        weights = fame * np.where(liked, 6, 1)
        pairs += [(user, str(name)) for name in rng.choice(names, 12, replace=False, p=weights / weights.sum())]
    return pairs


def main(path: str | None = None, threshold: float | None = None) -> None:
    split = split_users(path or made_up(), threshold=threshold, random_state=0)
    print(f"{len(split.train.users):,} users to learn from, {len(split.test_users):,} to be judged by.")
    for model in ("popularity", "knn", "edlae"):
        recommender = Recommender(model, random_state=0).fit(split.train, validation=split.validation)
        found = recommender.evaluate(split)
        print(f"  {model:<10}  NDCG@10 {found['NDCG@10']['value']:.3f} +- {found['NDCG@10']['error']:.3f}")
    recommending_report(recommender, "recommend.html")

    item = recommender.items_[0]
    print(f"Like {item}: {', '.join(map(str, recommender.similar_items(item, 4)['similar'].to_list()))}")
    history = recommender.items_[[0, 3, 5]].tolist()
    best = recommender.recommend({"new": history}, k=3)["item"].to_list()
    print(f"Somebody who took {', '.join(map(str, history))} is given {', '.join(map(str, best))};")
    reasons = recommender.explain(history, best[0])
    print(f"the first for {reasons['item'].to_list()[0]} above all ({reasons['share'].to_list()[0]:.0%}).")
    print("Figures and examples: recommend.html")


if __name__ == "__main__":
    main(*sys.argv[1:2], *map(float, sys.argv[2:3]))
