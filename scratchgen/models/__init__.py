"""Models of the lectures: classifiers, autoencoders and latent-variable models."""
