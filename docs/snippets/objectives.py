import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from isthmus import Autoencoder, Denoising, Sparse, load

train, test = train_test_split(load_digits().data, random_state=0)
params = {"latent_dim": 16, "max_epochs": 20, "random_state": 0}

denoising = Autoencoder(objective=Denoising("mask", 0.3), **params).fit(train)
sparse = Autoencoder(objective=Sparse("topk", k=4), **params).fit(train)
variational = Autoencoder(objective="variational(beta=0.5)", **params).fit(train)
both = Autoencoder(objective=["denoising(mask, 0.3)", Sparse("l1", 0.05)], **params).fit(train)

for model in (denoising, sparse, variational, both):
    print(f"{model.objective}: variance explained {model.score(test):.3f}")
print("active units of a row:", np.count_nonzero(sparse.transform(test), axis=1).max())
print("terms of the loss:", [name for name in both.history_ if name in ("reconstruction", "sparsity")])

variational.save("model")
assert (load("model").transform(test) == variational.transform(test)).all()
