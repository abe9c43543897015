from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

from isthmus import Autoencoder, load

train, test = train_test_split(load_breast_cancer().data, random_state=0)

ae = Autoencoder(latent_dim=4, random_state=0).fit(train)
codes = ae.transform(test)  # (143, 4)
rebuilt = ae.reconstruct(test)  # (143, 30), in the units of the data
errors = ae.reconstruction_error(test)  # one figure a row
print(f"variance explained on new rows: {ae.score(test):.3f}")
print(f"error over PCA's, on rows held out of the fit: {ae.comparison_['ratio']:.2f}")
made_up = ae.sample(100)  # new rows

ae.save("model")
assert (load("model").transform(test) == codes).all()
