package kratos

// TagOf is how the session of a recovery is found.
func TagOf(subject string) string { return tagOf(subject).prefix() }

// PerPage is how many sessions are asked for at once.
const PerPage = perPage
