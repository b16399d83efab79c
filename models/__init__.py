"""What is remembered: documents in MongoDB and the stores that hold them."""
