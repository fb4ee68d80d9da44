"""The composition root: builds every part once, owns every task, stops them in order."""
