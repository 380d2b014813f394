"""Distorting pictures and writing PNG files."""
