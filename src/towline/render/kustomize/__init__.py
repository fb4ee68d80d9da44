"""Kustomize builds in process: a folder with a kustomization file to Kubernetes objects. Pure.

Behaves as the command of kustomize 5.8.2; what runs programs (exec and container functions) is
refused, what needs the network (remote bases, charts) comes through ports.
"""
