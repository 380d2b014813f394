"""Folds, confident learning, intervals and nearest neighbours."""
