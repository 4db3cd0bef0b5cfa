"""An appeal at work in a department: returned, asked about, checked by the center, answered together."""
