"""What colours a picture's subject has, and how much of it has a colour that is asked for."""
