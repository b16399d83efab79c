"""What files are taken for, and how they are called."""
