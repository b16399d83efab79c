"""What Parley is made of: pins, licences, a bill of materials, the image."""
