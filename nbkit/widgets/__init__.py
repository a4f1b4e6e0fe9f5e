"""Controls for prompts and parameters. Widgets steer; what they make is shown as an ordinary output beside them."""
