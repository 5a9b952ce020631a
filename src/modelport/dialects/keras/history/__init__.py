"""What old Keras files say, in the words of Keras 3: names, defaults, weights of every era."""
