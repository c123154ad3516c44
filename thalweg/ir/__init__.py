"""The bottom room: data types, shapes, the primitive record, graphs and the builder that writes them."""
