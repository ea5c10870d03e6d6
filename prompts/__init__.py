"""Prompt templates, one Markdown file each."""
