import numpy as np

from isthmus import Recommender
from isthmus.tasks import split_users

rng = np.random.default_rng(0)  # users of two sorts, with items of their sort
pairs = [(f"u{u}", f"i{i}") for u in range(200) for i in rng.choice(40, 12, replace=False) if (u + i) % 2 or i < 4]

split = split_users(pairs, random_state=0)  # users to learn from, to choose by, and to judge by
recommender = Recommender("edlae", random_state=0).fit(split.train, validation=split.validation)
figures = recommender.evaluate(split)
print("NDCG@10", figures["NDCG@10"]["value"], "popularity", figures["NDCG@10"]["popularity"])

recommender = Recommender("edlae", random_state=0).fit(pairs)  # now all of them
print(recommender.recommend(["u0", "u1"], k=3))  # users by name
print(recommender.recommend({"new": ["i5", "i7", "i9"]}, k=3))  # a new user, by what he took
print(recommender.similar_items("i11", k=3))
print(recommender.explain("u0", "i11").head(3))
