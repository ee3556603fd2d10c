package mistakes

// noneOfAClient are no mistakes in the assertion of a client, which may do without these and names itself as it likes.
var noneOfAClient = []string{
	"no `nbf`", "`nbf` null", "no `kid`", "`kid` null", "`kid` empty", "no `typ`", "a `jti` that was never issued",
}

// Why Regrant and Hydra answer differently where the assertion is a client's.
const (
	oneReader  = "The server that the assertion is for is its only audience: another one could send it on, as the client."
	oneType    = "A time is a whole number, whoever writes it."
	shortLife  = "An assertion says when it was made, and is taken for 300 s from then. Hydra remembers its `jti` for as long as it lives, however long."
	jtiLength  = "A `jti` has 16 to 256 letters, so that two are never the same by chance, and none fills the store."
	notAFault  = "Nothing is wrong with the server. A client would take 500 for a fault and try again."
	whoFailed  = "Whatever a client fails in, it is `invalid_client` (RFC 6749 §5.2)."
	clientType = "An explicit type keeps the client's other JWTs from passing for this one (RFC 8725 §3.11)."
)

var whyOfAClient = because(map[string][]string{
	oneReader: {"`aud` a list of one", "`aud` a list of two"},
	oneType: {
		"`iat` empty", "`iat` of another type", "`iat` with a fraction", "`iat` as a string of digits",
		"`nbf` empty", "`nbf` of another type", "`nbf` as a string of digits", "`exp` with a fraction",
	},
	shortLife: {
		"no `iat`", "`iat` null", "`iat` negative", "`iat` six minutes ago", "`exp` ten minutes after `iat`", "`exp` in ten years",
	},
	jtiLength: {"`jti` too short to be random", "`jti` of over 5,000 letters"},
	notAFault: {
		"`exp` a second ago", "`exp` an hour ago", "`exp` negative", "`exp` beyond all numbers",
		"`iat` in a minute", "`iat` in ten years", "`nbf` in a minute",
	},
	whoFailed: {
		"`kid` unknown", "`kid` for a database", "`kid` for a file system", "`kid` of another key", "another key and its `kid`",
	},
	clientType: {"`typ` JWT", "`typ` at+jwt", "`typ` a number"},
})

// because gives each name its reason.
func because(reasons map[string][]string) map[string]string {
	out := map[string]string{}
	for why, names := range reasons {
		for _, name := range names {
			out[name] = why
		}
	}
	return out
}
