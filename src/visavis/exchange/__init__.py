"""Records and vectors to files of other tools, and from them: HDF5, Parquet, npz, CSV, FAISS."""
