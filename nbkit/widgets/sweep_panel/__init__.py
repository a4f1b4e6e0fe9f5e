"""The interactive form for sweeps: axes and values, cells and price, a grid that fills."""
