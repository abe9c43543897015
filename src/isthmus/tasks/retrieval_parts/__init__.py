"""Parts of the retriever: names of items, exact search, and approximate search by faiss."""
