"""The Common Expression Language as Kubernetes speaks it. Pure.

`program` compiles expressions; `rules` and `validation` are their use in custom resources.
"""
