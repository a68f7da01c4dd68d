"""The napari plugin: the only part of priorseg that knows Qt and napari."""
