package hydra

// MinVersion is the oldest Hydra that this package was tried with.
const MinVersion = "v2.3.0"
