"""Parts of a view: a title line above a list, and the one-line bars around them."""
