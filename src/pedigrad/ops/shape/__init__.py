"""Views, indexing, joining, and elements in other places."""
