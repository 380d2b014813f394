"""The commands of the program, a module for each family: its options, and the method it calls."""
