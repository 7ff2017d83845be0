"""Whether a search can be repeated: its predictions and leaderboard, bit by bit."""
