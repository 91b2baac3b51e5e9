"""The Serve deployments of augmentations, and the roads to them."""
