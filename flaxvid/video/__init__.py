"""One file of pixels: decode, choose frames, crop and resize, write."""
