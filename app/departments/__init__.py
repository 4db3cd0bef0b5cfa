"""Bodies that answer, and the territories they answer for."""
