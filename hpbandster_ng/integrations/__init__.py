"""Observers that tell other tools of a run: one module a tool."""
