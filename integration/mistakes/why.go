package mistakes

// Why Regrant and Hydra answer differently. One reason serves all the mistakes of a kind.
const (
	oneForm     = "The server signs tokens of one form and takes no other: what has another was not signed by it, or not as a token of this kind."
	bound       = "A recovery token is for one client, one recovery and one key of a holder (RFC 7521 §8.2). To Hydra these claims say nothing."
	inRecord    = "The recovery's own record says which `jti` its token has. Hydra keeps those that were used, and takes every other."
	ahead       = "A token made now for later could be used when nobody remembers it. Hydra looks at the time between `iat` and `exp` alone."
	compactOnly = "A JWT is written in one way: compact (RFC 7519 §1), in base64url without padding, spaces and spare bits (RFC 7515 §2, RFC 4648 §3.5)."
	keyByName   = "The one key of a token is named in it. Hydra tries every key of the issuer."
	typed       = "An explicit type keeps other JWTs from passing for a recovery token (RFC 8725 §3.11)."
	threeOnly   = "The header has `alg`, `kid` and `typ`. What else it says could be understood by one party and overlooked by another."
	notUTF8     = "Claims are UTF-8 (RFC 7519 §7.2)."
	deep        = "JSON that is nested deeper than anything that is asked for is not read."
	large       = "An assertion has at most 8 KiB."
	larger      = "A body has at most 64 KiB; `docs/limits.md`."
	onceOnly    = "A parameter comes at most once (RFC 6749 §3.2). Hydra takes the first, and another party might take the last."
	noSuchGrant = "RFC 6749 §5.2 has a code for it."
	wrongMethod = "The status is the same; the body is the one of RFC 6749 §5.2."
	formOnly    = "RFC 6749 §4.5 asks for a form. For another body HTTP has a status (RFC 9110 §15.5.16)."
	unread      = "A part that cannot be read is not skipped, since another party may read it."
	twoNames    = "Two statements of who the client is have to agree."
	oneMethod   = "A client uses one way to authenticate (RFC 6749 §2.3), and `invalid_request` is the code for more than one (§5.2)."
	oneHeader   = "Of two headers one might be checked and the other believed. Hydra takes the first."
	challenged  = "Whoever tries to authenticate in the header is answered 401 with a challenge (RFC 6749 §5.2)."
	noSuchCode  = "`jti_known` is no code of RFC 6749 §5.2, and tells more than that the assertion is refused."
	oneRecovery = "A recovery is redeemed once, whatever its tokens are called."
)
