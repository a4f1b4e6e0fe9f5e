"""The cells of a sweep as a grid: any axis down the side, along the top, on a slider or on pages."""
