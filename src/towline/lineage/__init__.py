"""Joins the stages of a delivery, pure: commit, run, image, manifest commit, sync, pods."""
