"""Sources of images: folders, sets of the Hugging Face hub, generated phantoms."""
