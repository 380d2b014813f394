"""The DuckDB lens over a store: views, the SQL files, and what is looked up through them."""
