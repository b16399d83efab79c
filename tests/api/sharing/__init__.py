"""Workers that listen to one socket take equal shares of the connections."""
