"""Helm: charts, values and `helm template`, in process. Pure: files come in, text goes out."""
