from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from isthmus import Autoencoder

X, y = load_breast_cancer(return_X_y=True)
ae = Autoencoder(4, random_state=0)
model = make_pipeline(ae, StandardScaler(), LogisticRegression())
print(cross_val_score(model, X, y, cv=3).mean())
