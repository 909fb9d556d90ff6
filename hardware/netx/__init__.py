"""Networks of lava-dl's network exchange files, in the chip's integers: read, and written."""
