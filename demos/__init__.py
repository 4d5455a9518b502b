"""One script per lecture claim: `python -m demos.vae`. Each says with --help what it shows."""
