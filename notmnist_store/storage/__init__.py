"""Everything that reads or writes: sources, tables, catalog, queries. The only I/O."""
