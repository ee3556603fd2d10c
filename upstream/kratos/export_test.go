package kratos

// TagOf is how the session of a recovery is found.
func TagOf(subject string) string { return tagOf(subject).prefix() }
