"""Channels as its tutorial has it: the smallest chat that there is, on a layer that STOCK_LAYER names."""
