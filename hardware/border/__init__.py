"""Model files, spikes and results as they are read and written: NIR graphs and .npz archives."""
