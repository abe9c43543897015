from sklearn.datasets import load_digits

from isthmus import Autoencoder, Retriever

images = load_digits().images
database, queries = images[:500], images[500:503]

retriever = Retriever(Autoencoder(8), random_state=0).fit(database)
ids, distances = retriever.search(queries, k=5)  # (3, 5) each

retriever.add(queries, ids=[9000, 9001, 9002])
retriever.remove([9001])
