import numpy as np
import pandas as pd
from sklearn.datasets import load_wine

from isthmus import Imputer

frame = load_wine(as_frame=True).frame
frame["target"] = pd.Categorical.from_codes(frame["target"], ["barolo", "grignolino", "barbera"])
gaps = frame.mask(np.random.default_rng(0).random(frame.shape) < 0.2)

imputer = Imputer(random_state=0).fit(gaps)
filled = imputer.transform(gaps)  # the completed frame: what was observed is as it was
draws = imputer.sample_imputations(gaps, 5, random_state=0)  # five frames that differ where values were missing
doubt = imputer.uncertainty(gaps)  # standard deviation of each value filled in, 0 where it was observed

missing = gaps["target"].isna()
right = (filled.loc[missing, "target"] == frame.loc[missing, "target"]).mean()
print(f"{missing.sum()} kinds of wine filled in, {right:.0%} of them right")
