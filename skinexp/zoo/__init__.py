"""The fault benchmark: small trainings with planted faults, which the doctor must name, and healthy ones."""
