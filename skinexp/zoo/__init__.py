"""The fault zoo: faults that are planted into real, tiny trainings, to see whether the doctor names them."""
