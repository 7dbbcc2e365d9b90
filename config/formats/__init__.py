"""How Django writes dates where no template says otherwise, the admin above all."""
