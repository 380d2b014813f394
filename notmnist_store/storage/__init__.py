"""The store on disk: its marker, its tables, its data files."""
