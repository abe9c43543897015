"""The parts of `Imputer` on pictures of any sizes: smooth fillings, holes to learn from, and the network."""
