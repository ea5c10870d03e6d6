"""What is seen: the page, in Gradio. Imports `assistant`'s public names only."""
