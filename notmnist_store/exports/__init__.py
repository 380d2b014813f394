"""One module a family of export formats; each writes its files into a folder that it is given."""

__all__: list[str] = []
