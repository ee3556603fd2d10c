package doctor

import (
	"cmp"
	"context"
	"fmt"
	"time"
)

// Gateway is what the gateway sees of itself, gathered from inside.
type Gateway struct {
	// Exchange is what came of exchanging a token that was made for this alone, Replay of bringing it again.
	Exchange, Replay error
	// Replayed tells that the second try was refused as one that is spent.
	Replayed bool

	// KeyAge is how long the oldest key of those that rotate has been in use; RotateEvery how long one should be.
	KeyAge, RotateEvery time.Duration
	KeyAgeErr           error // nobody can tell

	// Free is what is left on the disk of the store, Reserve what has to stay, in bytes.
	Free, Reserve uint64
	FreeErr       error

	// Files are those with secrets.
	Files []SecretFile
	// Notifiers are the receivers of notices.
	Notifiers []Reached
	// Waiting is for how long the oldest notice was not delivered; Lost how many were given up in the last [Remembered].
	Waiting             time.Duration
	Lost                int
	WaitingErr, LostErr error
	// Risks are the methods that stand on an accepted risk.
	Risks []string
	// Warnings are those that the gateway logs when it starts.
	Warnings []string
}

// Remembered is how far back is looked for notices that nobody got.
const Remembered = 7 * 24 * time.Hour

// A SecretFile is one that a secret is read from.
type SecretFile struct {
	Path string
	Mode uint32 // permission bits
	Err  error  // it could not be looked at
}

// Reached says whether somebody takes connections.
type Reached struct {
	Address string // without path and query, which may be a secret
	Err     error
}

// GatewayChecks judge the gateway from inside.
var GatewayChecks = []Check[Gateway]{
	{
		ID: "exchange", Asks: "Does a recovery token, signed by the gateway's own key, turn into an access token?",
		Remedy: "See the log of Caddy; a clock that jumped and a store that is full are the usual reasons.",
		Look: func(_ context.Context, g Gateway) Verdict {
			if g.Exchange != nil {
				return Fail("%v", g.Exchange)
			}
			return Pass("a token that was made for this was exchanged: it is nobody's and opens nothing")
		},
	},
	{
		ID: "replay", Asks: "Is the same token refused the second time?",
		Remedy: "Stop this gateway and report it: a token that was overheard could be used again.",
		Look: func(_ context.Context, g Gateway) Verdict {
			switch {
			case g.Exchange != nil:
				return Unknown("nothing was exchanged that could be replayed")
			case g.Replayed:
				return Pass("it was refused as one that is spent")
			case g.Replay == nil:
				return Fail("the same token was exchanged twice")
			}
			return Unknown("%v", g.Replay)
		},
	},
	{
		ID: "key-age", Asks: "Do keys rotate?",
		Remedy: "See the log of Caddy for 'rotating keys', or run 'caddy regrant rotate-keys'.",
		Look: func(_ context.Context, g Gateway) Verdict {
			switch {
			case g.KeyAgeErr != nil:
				return Unknown("%v", g.KeyAgeErr)
			case g.KeyAge > g.RotateEvery+24*time.Hour:
				return Warn("a key has been in use for %d days; it should be %d", days(g.KeyAge), days(g.RotateEvery))
			}
			return Pass("the oldest has been in use for %d of %d days", days(g.KeyAge), days(g.RotateEvery))
		},
	},
	{
		ID: "store-space", Asks: "Has the disk of the store more room than has to stay free?",
		Remedy: "Make room on that disk, or give the option 'reserve' of storage less: below it nothing is granted.",
		Look:   space,
	},
	{
		ID: "secret-files", Asks: "Can nobody but the gateway and its group read the files with its secrets?",
		Remedy: "chmod 600 each of them, with the user that Caddy runs as for owner, or 640 with its group.",
		Look:   secretFiles,
	},
	{
		ID: "notifier-reachable", Asks: "Does whoever is told of recoveries take connections?",
		Remedy: "Start what listens there, or correct the address: until then owners are not told.",
		Look: func(_ context.Context, g Gateway) Verdict {
			var lines []string
			for _, n := range g.Notifiers {
				if n.Err != nil {
					lines = append(lines, fmt.Sprintf("%s: %v", n.Address, n.Err))
				}
			}
			return Fault(lines, fmt.Sprintf("%d take connections", len(g.Notifiers)))
		},
	},
	{
		ID: "notices-delivered", Asks: "Are owners told of recoveries in time?",
		Remedy: "Look at what receives the notices; after a day a notice is given up. The journal has whom it was for as 'notice-failed', and for seven days this says so.",
		Look:   notices,
	},
	{
		ID: "methods-risk", Asks: "Is every method what NIST SP 800-63B-4 asks of account recovery?",
		Remedy: "Nothing, if the documents named still hold; otherwise use a method that needs none (docs/methods.md).",
		Look:   Each(Doubt, func(g Gateway) []string { return g.Risks }, "no method stands on an accepted risk"),
	},
	{
		ID: "gateway-warnings", Asks: "Is nothing configured that is legal and wide open?",
		Remedy: "docs/methods.md and Caddyfile.example say what each option means.",
		Look:   Each(Doubt, func(g Gateway) []string { return g.Warnings }, "nothing to warn of"),
	},
}

func days(d time.Duration) int { return int(d / (24 * time.Hour)) }

func space(_ context.Context, g Gateway) Verdict {
	const mib = 1 << 20
	switch {
	case g.FreeErr != nil:
		return Unknown("nobody can tell how much is free: %v", g.FreeErr)
	case g.Free < g.Reserve:
		return Fail("%d MiB are free, and %d have to stay", g.Free/mib, g.Reserve/mib)
	case g.Free < 2*g.Reserve:
		return Warn("%d MiB are free, and %d have to stay", g.Free/mib, g.Reserve/mib)
	}
	return Pass("%d MiB are free, %d have to stay", g.Free/mib, g.Reserve/mib)
}

func notices(_ context.Context, g Gateway) Verdict {
	err := cmp.Or(g.LostErr, g.WaitingErr)
	switch {
	case g.Lost > 0:
		return Fail("%d notices were given up in the last %d days: their owners were not told", g.Lost, days(Remembered))
	case err != nil:
		return Unknown("%v", err)
	case g.Waiting > 5*time.Minute:
		return Warn("the oldest notice has waited for %s", g.Waiting.Round(time.Second))
	}
	return Pass("none was given up in the last %d days, and none waits for more than five minutes", days(Remembered))
}

func secretFiles(_ context.Context, g Gateway) Verdict {
	var lines, unseen []string
	for _, f := range g.Files {
		switch {
		case f.Err != nil:
			unseen = append(unseen, f.Path)
		case f.Mode&0o027 != 0:
			lines = append(lines, fmt.Sprintf("%s has mode %04o", f.Path, f.Mode))
		}
	}
	if len(lines) == 0 && len(unseen) > 0 {
		return Unknown("%s cannot be looked at", unseen[0])
	}
	return Fault(lines, fmt.Sprintf("%d files, closed to others", len(g.Files)))
}
