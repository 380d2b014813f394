"""The offline set: letters of open fonts."""
