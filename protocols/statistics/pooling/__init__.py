"""Estimates of several organizations pooled without showing them."""
