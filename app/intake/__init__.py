"""A webhook becomes an appeal."""
