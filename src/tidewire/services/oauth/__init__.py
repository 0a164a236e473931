"""Providers that users sign in with, as a project has set them up: opened, and asked over the net."""
