"""What augmentations take, and what the road to them adds."""
