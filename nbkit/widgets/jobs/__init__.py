"""Jobs: the presses of a panel, their prices, their queue, what the notebook keeps of them, and their code."""
