"""The lectures' models: classifiers, autoencoders and latent variables, autoregressive and adversarial networks."""
