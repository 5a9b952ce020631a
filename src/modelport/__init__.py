"""modelport: open any deep-learning model file, say what is inside, carry it to another format."""
