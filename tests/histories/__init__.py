"""Long histories of several writers, who die now and then, beside the simplest model of what they do."""
