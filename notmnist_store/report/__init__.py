"""The report: a page that says what a store holds and what is wrong with it, and a paper's text."""

__all__: list[str] = []
