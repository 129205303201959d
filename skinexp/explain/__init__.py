"""Where a network looks: which test images to ask it about, and Grad-CAM."""
