package hydra

import "context"

// MinVersion is the oldest Hydra that is used: nothing older was tried with this
// package.
const MinVersion = "v2.3.0"

// CheckVersion is nil if the server is new enough, see [upstream.Floor].
func (a *Admin) CheckVersion(ctx context.Context) error {
	return a.floor.Check(ctx, a.http, a.address+"/version", "Hydra", MinVersion)
}
