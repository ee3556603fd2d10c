package upstream

// Verdict is what becomes of a request on its way to the server.
type Verdict struct {
	Kind VerdictKind
	// Reason is a short constant for logs and metrics, never request text.
	Reason string
	// DropCookies are the names of cookies to remove from a passing request.
	// The slice is shared and must not be changed.
	DropCookies []string
	// Entry is what the server will need to go on with what the person came
	// from, once recovered: the adapter's own words, which come back to it in
	// [Session]. Only with Entrance.
	Entry string
	// JSON answers clients that ask for JSON in the server's own shape, instead
	// of the gateway's. Only with Entrance and Recovery.
	JSON *Reply
}

// Reply is an answer in JSON.
type Reply struct {
	Status int
	Body   []byte
}

// VerdictKind is the kind of a [Verdict].
type VerdictKind uint8

const (
	// Pass forwards the request exactly as it came.
	Pass VerdictKind = iota
	// NotCanonical says that the path is not in normal form; answer 400.
	NotCanonical
	// Blocked says that nothing of the server's is here; answer 404.
	Blocked
	// Recovery says that this is a recovery of the server's own, which is not
	// offered; answer 403 with the way to the gateway's.
	Recovery
	// Entrance says that here a person asks the server for a recovery: lead to
	// the gateway's.
	Entrance
)
