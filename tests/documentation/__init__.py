"""The pages that are made from the code, and what holds all pages to it."""
