"""From probabilities to decisions: calibration, operating thresholds, prevalence, net benefit."""
