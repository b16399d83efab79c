"""What can be asked beside yes or no. Pure, as the engine is: a snapshot and subjects in, values out."""
