"""What `Recommender` is made of: its models, how they are judged, and how users are held out."""
