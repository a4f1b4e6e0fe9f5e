"""Browse the log's pictures: filter, sort, group, select, rate."""
