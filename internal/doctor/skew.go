package doctor

import (
	"context"
	"net/http"
	"time"
)

// Limits of how far clocks may be apart: tokens of recoveries live for a minute or two, and servers cut to seconds.
const (
	skewSeen  = 5 * time.Second
	skewFatal = 30 * time.Second
)

// SkewRemedy is what to do about clocks that are apart.
const SkewRemedy = "Synchronise both machines with the same time servers (chrony, systemd-timesyncd)."

// Skew judges by how much another clock is ahead of the gateway's.
func Skew(ahead time.Duration) Verdict {
	ahead = ahead.Round(time.Second)
	switch off := ahead.Abs(); {
	case off > skewFatal:
		return Fail("the identity provider's clock is %s off", ahead)
	case off > skewSeen:
		return Warn("the identity provider's clock is %s off", ahead)
	}
	return Pass("the clocks agree to %s", skewSeen)
}

// AdminSkew judges by the time that the admin API says when it answers a path.
func (s *Server) AdminSkew(ctx context.Context, path string) Verdict {
	a, err := s.AskAdmin(ctx, path)
	if err != nil {
		return Unknown("%v", err)
	}
	there, err := http.ParseTime(a.Header.Get("Date"))
	if err != nil {
		return Unknown("it does not say its time")
	}
	return Skew(time.Until(there.Add(time.Second / 2))) // it is cut to the second
}
