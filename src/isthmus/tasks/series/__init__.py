"""Strange steps of recordings: windows of them, what is usual of a window, and rows as they come."""
