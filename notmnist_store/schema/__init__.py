"""The store's vocabulary: tables, shapes, words, and the radius."""
