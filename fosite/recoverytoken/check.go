package recoverytoken

import "strings"

// check is the list of what a token must say at a time (seconds since 1970), in the order of the claims.
func (v Verifier) check(p payload, now int64) error {
	switch {
	case p.Issuer != v.Issuer || v.Issuer == "":
		return refuse(Untrusted, "iss is not this issuer")
	case !isName(p.Subject):
		return refuse(Malformed, "sub is missing or too long")
	case p.Audience != v.Audience || v.Audience == "":
		return refuse(Purpose, "aud is not this token endpoint")
	case len(p.JTI) < minJTI || !isName(p.JTI) || !isBase64URL(p.JTI):
		return refuse(Malformed, "jti has less than 128 bits or another alphabet")
	case p.Scope != Scope:
		return refuse(Purpose, "scope is not %s", Scope)
	case !isName(p.ClientID):
		return refuse(Malformed, "client_id is missing or too long")
	case v.ClientID != "" && p.ClientID != v.ClientID:
		return refuse(Identity, "client_id is another client")
	case !isName(p.ACR) || len(p.AMR) == 0:
		return refuse(Malformed, "acr or amr is missing")
	case !isName(p.Txn):
		return refuse(Malformed, "txn is missing or too long")
	}
	if err := p.checkTimes(now); err != nil {
		return err
	}
	return p.Confirm.check()
}

func (p payload) checkTimes(now int64) error {
	switch {
	case p.IssuedAt < now-maxAge-skew:
		return refuse(Expired, "iat is missing or too old")
	case p.IssuedAt > now+skew:
		// fosite accepts a token issued in ten years, which then lives that long.
		return refuse(Expired, "iat is in the future")
	case p.NotBefore <= 0 || p.NotBefore > now:
		return refuse(Expired, "nbf is missing or in the future")
	case p.ExpiresAt <= now:
		return refuse(Expired, "exp is missing or past")
	case p.ExpiresAt-p.IssuedAt > maxAge:
		return refuse(Expired, "exp is more than %d s after iat", maxAge)
	case p.AuthTime <= 0 || p.AuthTime > p.IssuedAt:
		return refuse(Expired, "auth_time is missing or after iat")
	}
	return nil
}

func (c confirmation) check() error {
	if c == (confirmation{}) {
		return refuse(Key, "cnf names no key")
	}
	for _, hash := range []string{c.Thumbprint, c.CertificateSHA256} {
		if hash != "" && (len(hash) != thumbprint || !isBase64URL(hash)) {
			return refuse(Key, "cnf is not a SHA-256 in base64url")
		}
	}
	return nil
}

func isName(s string) bool { return s != "" && len(s) <= maxName }

func isBase64URL(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool {
		return !('A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '-' || r == '_')
	}) < 0
}
